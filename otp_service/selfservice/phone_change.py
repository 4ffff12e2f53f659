"""Changes the number after proof of the new one, and gives the earlier one back to whoever holds the way back."""

from datetime import datetime

from otp_service import audit, sessions, verifications
from otp_service.accounts import callers, links, notices, number_undos, numbers, users
from otp_service.accounts.errors import PhoneUnchanged
from otp_service.accounts.users import Account
from otp_service.core import clock
from otp_service.core.database.transactions import transaction, wait_for_turn
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import trusted_devices
from otp_service.sessions import Caller
from otp_service.sessions.errors import InvalidToken
from otp_service.sinch import Channel


def ask(caller: Caller, *, phone_number: str, channel: Channel | None, client: ClientInfo) -> verifications.Delivery:
    """Send a code to the new number, for this session alone; nothing else changes, and nobody is kept from it.

    Whether somebody has the number is not told: a proof decides. Raises PhoneUnchanged, InvalidToken and what
    `otp.send` raises.
    """
    account = callers.get(caller.user_id)
    if account.is_verified and account.phone_number == phone_number:
        raise PhoneUnchanged
    purpose = verifications.Purpose.PHONE_CHANGE
    recipient = verifications.Recipient(
        account.id, phone_number, purpose, account.locale, challenge_id=caller.session_id
    )
    return verifications.send(recipient, channel=channel, client=client)


def confirm(caller: Caller, *, code: str, client: ClientInfo) -> str:
    """Take the code: the number is the user's, whoever had it. All other sessions and all sign-ins begun end.

    Returns the number. Raises OtpInvalid, TooManyAttempts, ProviderUnavailable, ProviderRefused, InvalidToken.
    """
    proof = verifications.prove(
        user_id=caller.user_id,
        code=code,
        purpose=verifications.Purpose.PHONE_CHANGE,
        challenge_id=caller.session_id,
        client=client,
    )
    now = clock.now()
    with transaction():
        wait_for_turn(proof.phone_number)
        before = users.find_with_session(caller.user_id, caller.session_id, now=now)
        if before is None:
            raise InvalidToken  # the session ended while the code was checked
        verifications.redeem(proof, client=client, now=now)
        users.void_challenges(before.id, now=now)
        trusted_devices.end_all(before.id, now=now)
        ended = sessions.end_all(before.id, now=now, keep=caller.session_id)
        audit.record("phone.changed", user_id=before.id, client=client, at=now, sessionsEnded=ended)
        _tell(before, proof.phone_number, client, now)
    return proof.phone_number


def undo(token: str, *, client: ClientInfo) -> None:
    """Give the earlier number back as proven, and end every session; nobody is signed in.

    Raises InvalidToken, PhoneNumberTaken when somebody else proved the number since.
    """
    now = clock.now()
    change = number_undos.get(token, now=now)
    with transaction():
        numbers.restore(change.user_id, phone_number=change.earlier_number, now=now)
        number_undos.close(change)
        verifications.end_of_number(change.earlier_number, owner_id=change.user_id, now=now)
        trusted_devices.end_all(change.user_id, now=now)
        ended = sessions.end_all(change.user_id, now=now)
        audit.record("phone.change_undone", user_id=change.user_id, client=client, at=now, sessionsEnded=ended)
        notices.notify(change.user_id, "phone_changed", now=now, client=client, phone_number=change.earlier_number)


def _tell(before: Account, phone_number: str, client: ClientInfo, now: datetime) -> None:
    """With the way back, where there was a proven number."""
    if before.phone_number in {None, phone_number} or not before.is_verified:
        notices.notify(before.id, "phone_changed", now=now, client=client, phone_number=phone_number)
        return
    token = number_undos.open_way_back(before.id, before.reachable_number(), now=now)
    notices.notify(
        before.id,
        "phone_change_undo",
        now=now,
        client=client,
        phone_number=phone_number,
        link=links.web_address(number_undos.PAGE, token),
        token=token,
        valid_minutes=int(number_undos.LIFETIME.total_seconds()) // 60,
    )
