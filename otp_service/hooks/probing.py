"""Looks at a receiver before it gets events, and sends it a message by hand."""

import time
import uuid
from dataclasses import dataclass

from otp_service.core import clock
from otp_service.core.calls.connection import ResolverTooSlow, resolve
from otp_service.core.services import settings
from otp_service.hooks import administration, allowed_urls, event_messages, posting, transport
from otp_service.hooks.allowed_urls import BadUrl
from otp_service.hooks.settings import HookSettings
from otp_service.hooks.transport import NoResponse, Response

_REDIRECTS = range(300, 400)

_HOW_TO_ALLOW = (
    "To allow that, put HOOKS_ALLOW_PRIVATE=true into .env, then restart `make run`, or the service and its worker"
)


class NotResolved(Exception):
    """The name of a host has no address, as far as the resolver said in time."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a receiver said to one request: its status and the beginning of its body, or why there is no response."""

    milliseconds: int
    status: int | None = None
    body: str = ""
    problem: str | None = None

    @property
    def is_success(self) -> bool:
        """Whether the response was 2xx."""
        return self.status is not None and Response(self.status).is_success


def require_allowed(url: str) -> str:
    """Return the host of a URL that a hook may have, without a look at the network. Raises BadUrl."""
    host = allowed_urls.require_allowed(url, needs_https=settings().is_production)
    _refuse_private(host, [host] if allowed_urls.is_address(host) else [])
    return host


def probe(url: str) -> Finding:
    """Resolve the host of an allowed URL, and ask it for the head of the resource.

    Sends no event: the receiver cannot verify one before it has the secret. Raises BadUrl if the name does not resolve
    or leads to an address that hooks may not lead to, and for a redirect. Any other response says that the receiver is
    there; none at all is no error, since it may start later.
    """
    host = require_allowed(url)
    try:
        found = _addresses_of(host, time.monotonic() + transport.CONNECT_SECONDS)
    except NotResolved:
        raise BadUrl(f"names a host that does not resolve: {host}") from None
    _refuse_private(host, found)
    started = time.monotonic()
    try:
        response = transport.exchange("HEAD", url, headers={})
    except NoResponse as error:
        return Finding(_since(started), problem=str(error))
    if response.status in _REDIRECTS:
        to = f" to {response.location}" if response.location else ""
        raise BadUrl(
            f"responds with a redirect (HTTP {response.status}){to}. Events follow none: name the last address"
        )
    return _finding(response, started)


def find_refusal(host: str, *, ends_at: float) -> str | None:
    """Return why no event may go to a host; None if one may, or if its name does not resolve before `ends_at`."""
    try:
        _refuse_private(host, [host] if allowed_urls.is_address(host) else _addresses_of(host, ends_at))
    except NotResolved:
        return None
    except BadUrl as error:
        return str(error)
    return None


def send_test(hook_id: uuid.UUID) -> Finding:
    """Send a signed message of the type `hook.test`, once. Raises HookNotFound."""
    hook, message_id = administration.get(hook_id), uuid.uuid4()
    body = event_messages.test_body(message_id, hook.id, at=clock.now())
    started = time.monotonic()
    try:
        return _finding(posting.post(hook, message_id, body), started)
    except NoResponse as error:
        return Finding(_since(started), problem=str(error))


def _addresses_of(host: str, ends_at: float) -> list[str]:
    try:
        return [str(address[0]) for *_, address in resolve(host, 443, ends_at)]
    except (OSError, UnicodeError, ResolverTooSlow):
        raise NotResolved from None


def _refuse_private(host: str, addresses: list[str]) -> None:
    allows_private = settings().of(HookSettings).allows_private
    for address in addresses:
        kind = allowed_urls.find_refusal(address, allows_private=allows_private)
        if kind is None:
            continue
        leads = f"leads to {kind}" if address == host else f"leads to {address}, {kind}"
        can_be_allowed = allowed_urls.find_refusal(address, allows_private=True) is None
        raise BadUrl(f"{leads}. {_HOW_TO_ALLOW}" if can_be_allowed else leads)


def _finding(response: Response, started: float) -> Finding:
    return Finding(_since(started), response.status, response.body.decode("utf-8", "replace"))


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
