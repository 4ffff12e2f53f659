"""The decorator of routes for backends: with a valid API key of an app that has the scope."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import g, request

from otp_service.backends import app_keys
from otp_service.backends.app_keys import PREFIX, AppCaller, Scope
from otp_service.backends.errors import ApiKeyRequired, InvalidApiKey, ScopeMissing
from otp_service.core import clock
from otp_service.core.errors import NotAuthenticated
from otp_service.core.text import decoded_base64
from otp_service.core.web import request_limits
from otp_service.core.web.tracing import ClientInfo, client_address, comes_from_app, request_id

View = Callable[..., Any]
BASIC = 'Basic realm="otp_service"'
EMPTY = "The API key is empty."


def key_required(scope: Scope) -> Callable[[View], View]:
    """Let only backends with the scope call the view. Raises ApiKeyRequired, InvalidApiKey, AppDisabled, ScopeMissing.

    Place it above `@api`: the key and its scope are checked before the body is read. The request counts for the key in
    place of its address; without a valid key it counts for the address. Raises TooMany at either limit.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            g.app_caller = _admitted(scope)
            return view(*args, **kwargs)

        wrapped.key_scope = scope  # type: ignore[attr-defined]
        return wrapped

    return decorate


def current_app_caller() -> AppCaller:
    """Return the app that sent the current request. Works in a view with `@key_required` alone."""
    caller: AppCaller = g.app_caller
    return caller


def app_client() -> ClientInfo:
    """Return the caller for the audit trail: the app's name stands where a person's program would."""
    name = current_app_caller().name
    return ClientInfo(ip=client_address(), agent=f"app {name}", request_id=request_id(), app=name)


def _admitted(scope: Scope) -> AppCaller:
    try:
        caller = app_keys.authenticate(_sent_key(), now=clock.now())
    except NotAuthenticated as error:
        if _scheme() == "basic":
            # Named only to a caller that tried it: to name it to all would make browsers ask people for a password.
            error.headers["WWW-Authenticate"] += f", {BASIC}"
        request_limits.count_refused(error)
        raise
    comes_from_app(caller.name)
    request_limits.count_key(caller.key_id)
    if scope not in caller.scopes:
        raise ScopeMissing(scope)
    return caller


def _scheme() -> str:
    return request.headers.get("Authorization", "").partition(" ")[0].lower()


def _sent_key() -> str:
    """Return what the caller sent as its key: a bearer token, or the user name of Basic (RFC 7617)."""
    value = request.headers.get("Authorization", "").partition(" ")[2].strip(" ")
    if not value or _scheme() not in {"bearer", "basic"}:
        raise ApiKeyRequired(f"{EMPTY} {ApiKeyRequired.title}" if _scheme() == "bearer" else None)
    if _scheme() == "bearer":
        text = value
    else:
        text, _, password = decoded_base64(value).decode("latin-1").partition(":")
        if password:
            raise InvalidApiKey("Send the API key as the user name, with an empty password.")
    if not text:
        raise InvalidApiKey(EMPTY)
    if not text.startswith(PREFIX):
        raise InvalidApiKey(f"This is not an API key. API keys begin with {PREFIX}.")
    return text
