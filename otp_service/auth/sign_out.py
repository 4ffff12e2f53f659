"""Signs a user out: here, or everywhere, or all users: no session survives, and nothing that leads to one."""

from otp_service import sessions
from otp_service.accounts import earned, known_clients
from otp_service.auth import challenges
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import trusted_devices
from otp_service.sessions import Caller
from otp_service.sessions.errors import InvalidToken


def here(caller: Caller | None, refresh_token: str | None, *, client: ClientInfo) -> None:
    """End the caller's session, and that of a browser's refresh token, mostly the same. Raises InvalidToken."""
    if caller is not None:
        sessions.end(caller.session_id, user_id=caller.user_id, client=client)
    was_live = refresh_token is not None and sessions.end_by_refresh_token(refresh_token, client=client)
    if caller is None and not was_live:
        raise InvalidToken


def everywhere(user_id: int, *, client: ClientInfo) -> int:
    """End all sessions and the trust in all devices, and void what was earned before.

    Return how many sessions were open.
    """
    now = clock.now()
    with transaction():
        # First, since it locks the user, as a sign-in does: this avoids a deadlock.
        earned.void(user_id, now=now)
        trusted_devices.end_all(user_id, now=now)
        # One of the devices may be lost or an intruder's: none is known any more (ADR 36).
        known_clients.forget_all(user_id, now=now)
        return sessions.log_out_everywhere(user_id, client=client)


def everyone(*, client: ClientInfo) -> int:
    """Do the same for all users; return how many sessions were open. Clients stay known, since that skips no factor."""
    now = clock.now()
    with transaction():
        # What leads to a session before the sessions: a sign-in that has just spent its challenge or shown its device
        # is waited for, and its session ends too.
        challenges.void_of_all(now=now)
        trusted_devices.end_all_of_all()
        earned.void_of_all(now=now)
        return sessions.end_every_session(client=client, now=now)
