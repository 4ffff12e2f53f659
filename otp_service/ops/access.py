"""The decorator of routes for operators' programs: with OPS_TOKEN."""

import hmac
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import request

from otp_service.core.errors import REALM, Forbidden, NotAuthenticated
from otp_service.core.services import settings
from otp_service.core.web import request_limits

View = Callable[..., Any]


class OpsTokenRequired(NotAuthenticated):
    """The request carries no OPS_TOKEN, or a wrong one."""

    code = "ops_token_required"
    title = "The operators' token is missing or wrong. Send it as Authorization: Bearer $OPS_TOKEN."


class OpsTokenUnset(Forbidden):
    """The service has no OPS_TOKEN, so that nothing that is sent could be right."""

    code = "ops_token_unset"
    title = "This route is off: OPS_TOKEN is not set. Set it and restart the service."


def ops_token_required(view: View) -> View:
    """Let only callers with OPS_TOKEN call the view. Raises OpsTokenRequired, OpsTokenUnset.

    A rejected request counts for the client's address. Raises TooMany at the limit.
    """

    @wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        expected = settings().server.ops_token
        if expected is None:
            raise OpsTokenUnset
        scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
        # Compared as bytes, in constant time: the text comes from a stranger, and may hold any character.
        if scheme.lower() != "bearer" or not hmac.compare_digest(sent.strip().encode(), expected.encode()):
            refused = OpsTokenRequired(challenge=f'{REALM}, error="invalid_token"' if sent else REALM)
            request_limits.count_refused(refused)
            raise refused
        return view(*args, **kwargs)

    wrapped.needs_ops_token = True  # type: ignore[attr-defined]
    return wrapped
