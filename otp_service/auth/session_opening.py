"""Opens the session that every way to sign in leads to, and reports what is unusual about it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from otp_service import anomalies, sessions
from otp_service.accounts import known_clients, users
from otp_service.anomalies import Arrival, Others
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions import Caller, Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(Tokens):
    """The tokens of a sign-in, and the one that makes this device known from now on (see `known_clients`)."""

    known_device_token: str


def open_session(
    caller: Caller, *, client: ClientInfo, facts: Mapping[str, Any] | None = None, others: Others | None = None
) -> Opened:
    """Start a session in the open transaction; notify the person if it is unusual, as one from an unknown device is.

    `facts` are those of the factor, for the audit event; `others` the accounts that signed in from the same place.
    Raises UserNotFound.
    """
    user_id, now = caller.user_id, caller.authenticated_at
    # Before the start: the new session would make its own device known.
    devices, number_open = sessions.devices_of(user_id, now=now)
    anomalies.report(Arrival(user_id=user_id, client=client, at=now, others=others or Others()), devices)
    most = settings().tokens.max_sessions
    if number_open >= most:
        sessions.end_oldest(user_id, keep=most - 1, client=client, now=now)
    tokens = sessions.start(caller, client=client, facts=facts)
    return Opened(**asdict(tokens), known_device_token=known_clients.issue(user_id, now=now))


def refresh(refresh_token: str, *, client: ClientInfo) -> Tokens:
    """Exchange a refresh token for new tokens. Raises InvalidToken, TokenReused, TooMany."""
    return sessions.rotate(refresh_token, is_verified=users.IS_VERIFIED, client=client)
