"""Makes a client known by an e-mail, for a person on a new device whose account strangers guess at (ADR 36)."""

from dataclasses import asdict

from otp_service import audit, outbox
from otp_service.accounts import known_clients, links, users
from otp_service.accounts.known_clients import PROOF
from otp_service.core import allowances, background, clock, tasks
from otp_service.core.allowances import DAY, HOUR, Allowance
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.transactions import transaction
from otp_service.core.tasks import Task
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions.errors import InvalidToken

PAGE = "known-device"
PER_HOUR, PER_DAY = 2, 6
_PURPOSE = "known device: address"
_TASK = "known device"


def request(*, email: str, client: ClientInfo) -> None:
    """Send a token to a canonical address, after the response, which is the same if there is no such account."""
    with background.place() as run_later:
        run_later(_TASK, {"email": email, "client": asdict(client)})


def _send(task: Task) -> None:
    now, email, client = clock.now(), task.values["email"], ClientInfo(**task.values["client"])
    subject = keyring().digest(email, purpose=_PURPOSE)
    with transaction():
        if not tasks.finish(task):
            return  # another process has taken it over
        account = users.find_by_email(email)
        # Where strangers used the day's messages up, the mailbox has one whose token is still valid: each of them works
        # for a day, as often as needed, also if a stranger asked for it.
        may_send = all(
            allowances.take_if_left(Allowance(f"known-device-{name}", subject, limit, seconds), now=now)
            for name, limit, seconds in (("hour", PER_HOUR, HOUR), ("day", PER_DAY, DAY))
        )
        if account is None or account.locked_at is not None or not may_send:
            return
        token = known_clients.issue(account.id, kind=PROOF, now=now)
        outbox.enqueue(
            "known_device",
            to=account.email,
            locale=account.locale,
            now=now,
            user_id=account.id,
            link=links.web_address(PAGE, token),
            token=token,
            valid_minutes=DAY // 60,
            ip=client.ip or None,
            agent=client.agent or None,
        )
        audit.record("device.proof_sent", user_id=account.id, client=client, at=now)


tasks.carried_out_by(_TASK, _send)


def confirm(token: str, *, client: ClientInfo) -> str:
    """Make the client's network known for a while; return the token that does the same for a day. Raises InvalidToken.

    The token is no secret of a session: it only has passwords looked at, with a count of their own.
    """
    now = clock.now()
    user_id = known_clients.find_user(token, now=now)
    if user_id is None:
        raise InvalidToken
    with transaction():
        users.hold_bearer(user_id)
        known_clients.remember_verified(user_id, client=client, now=now)
        audit.record("device.became_known", user_id=user_id, client=client, at=now)
    return token
