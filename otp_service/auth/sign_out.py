"""Signs a user out everywhere: no session, and nothing that leads to one, survives."""

from otp_service import sessions
from otp_service.accounts import earned
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo


def everywhere(user_id: int, *, client: ClientInfo) -> int:
    """End all sessions and void what was earned before; return how many sessions were open."""
    with transaction():
        # First, since it locks the user, as a sign-in does: this avoids a deadlock.
        earned.void(user_id, now=clock.now())
        return sessions.log_out_everywhere(user_id, client=client)
