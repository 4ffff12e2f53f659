"""Erases an account and all that is its own; its address and number are free at once, and inherit nothing."""

from otp_service import audit, outbox
from otp_service.accounts import callers, credentials, throttle, users
from otp_service.accounts.users import Account
from otp_service.audit import personal_data as events
from otp_service.core import allowances, clock
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions import Caller


def erase_own(caller: Caller, *, password: str, client: ClientInfo) -> None:
    """Erase the caller's account. Raises InvalidCredentials, AccountLocked, SlotsBusy, InvalidToken."""
    account = callers.get(caller.user_id)
    credentials.authenticate(email=account.email, password=password, client=client)
    _erase(account, "user.deleted", client)


def erase_by_operator(account: Account) -> None:
    """Erase an account on an operator's word. Raises UserNotFound."""
    _erase(account, "user.deleted_by_operator", audit.COMMAND_LINE)


def _erase(account: Account, event: str, client: ClientInfo) -> None:
    """What stays is a row of each event without anything that tells of the person, and one message that says so.

    What counts against the number stays as well: else deletion would open another budget of messages to it.
    """
    now = clock.now()
    with transaction():
        users.remove(account.id)
        outbox.forget_user(account.id)
        throttle.clear(throttle.subject_of(account.email))
        allowances.clear_subject(str(account.id))
        audit.record(event, user_id=account.id, client=client, at=now)
        events.make_unreadable(account.id)
        ip, agent = client.ip or None, client.agent or None
        outbox.enqueue("account_deleted", to=account.email, locale=account.locale, now=now, ip=ip, agent=agent)
