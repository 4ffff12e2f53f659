"""Signs a user out everywhere: no session, and nothing that leads to one, survives."""

from otp_service import sessions
from otp_service.accounts import earned, known_clients
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import trusted_devices


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
