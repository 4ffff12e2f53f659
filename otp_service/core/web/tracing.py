"""The caller of a request and its id: read from the request once, for responses, logs and services."""

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import g, has_request_context, request

from otp_service.core.addresses import plain_address

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
AGENT_LENGTH = 200


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """What is known about the caller. `ip` is the socket's, or the one that the trusted proxies vouch for.

    `app` is the name of the backend that calls, None for people. `has_captcha`: a captcha was solved for this request.
    """

    ip: str
    agent: str
    request_id: str | None = None
    app: str | None = None
    has_captcha: bool = False


def client_info() -> ClientInfo:
    """Return the caller of the current request."""
    ip = client_address()
    agent = _storable(request.headers.get("User-Agent", ""), AGENT_LENGTH)
    return ClientInfo(ip=ip, agent=agent, request_id=request_id())


def client_address() -> str:
    """Return the caller's address in its one spelling; empty for a socket without one. See `use_plain_addresses`."""
    return request.remote_addr or ""


def use_plain_addresses(app: "WSGIApplication") -> "WSGIApplication":
    """Give `app` the client's address without port and brackets: with the port, one client would have thousands."""

    def with_plain_address(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        environ["REMOTE_ADDR"] = plain_address(environ.get("REMOTE_ADDR", ""))
        return app(environ, start_response)

    return with_plain_address


def concerns(user_id: int) -> None:
    """Note the user of the current request: every line that it logs from now on has the id. The response does not."""
    if has_request_context():
        g.concerned_user_id = user_id


def concerned_user_id() -> int | None:
    """Return the user of the current request, as far as that is known."""
    return g.get("concerned_user_id") if has_request_context() else None


def comes_from_app(name: str) -> None:
    """Note the app that calls: every line that the current request logs from now on has its name."""
    g.calling_app = name


def calling_app() -> str | None:
    """Return the app that sent the current request, as far as that is known."""
    return g.get("calling_app") if has_request_context() else None


def _storable(text: str, length: int) -> str:
    """Cut a header to what a column takes, and drop control characters."""
    return "".join(filter(str.isprintable, text[:length]))


def request_id() -> str | None:
    """Return the id of the current request: the caller's `X-Request-ID` if it is well formed, else a new one."""
    if not has_request_context():
        return None
    known: str | None = g.get("request_id")
    if known is None:
        given = request.headers.get("X-Request-ID", "")
        # Any other text could forge a line of the log, or fill it.
        g.request_id = known = given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
    return known
