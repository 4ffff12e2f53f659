"""Changes the number of an account once the new one is verified."""

from datetime import datetime

from otp_service import audit, sessions, verifications
from otp_service.accounts import earlier_numbers, earned, links, notices, users
from otp_service.accounts.errors import PhoneUnchanged
from otp_service.accounts.users import Account
from otp_service.core import clock
from otp_service.core.database.transactions import transaction, wait_for_turn
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import trusted_devices
from otp_service.factors.phone import codes
from otp_service.factors.phone.codes import PhoneOwner
from otp_service.providers import Channel
from otp_service.sessions import Caller, SteppedUp
from otp_service.sessions.errors import InvalidToken
from otp_service.verifications import Purpose, Recipient


def request(
    caller: Caller, *, phone_number: str, channel: Channel | None, client: ClientInfo
) -> verifications.Delivery:
    """Send a code to the new number, which works in this session only.

    The number is not reserved, and whether another account has it makes no difference: verifying it decides (ADR 17).
    Raises PhoneUnchanged, InvalidToken and what `verifications.send` raises.
    """
    account = users.get_bearer(caller.user_id)
    if account.is_verified and account.phone_number == phone_number:
        raise PhoneUnchanged
    owner, purpose = PhoneOwner(account.id), Purpose.PHONE_CHANGE
    bound_to, has_proof = caller.session_id, account.is_verified or account.email_verified
    recipient = Recipient(owner, phone_number, purpose, account.locale, bound_to, has_other_proof=has_proof)
    return verifications.send(recipient, channel=channel, client=client)


def confirm(caller: Caller, *, code: str, client: ClientInfo) -> tuple[str, SteppedUp]:
    """Verify the code, make the number the user's, and end all other sessions and open challenges.

    Returns the number, and a new access token of the session. Raises OtpInvalid, TooManyAttempts, ProviderUnavailable,
    ProviderRefused, InvalidToken.
    """
    purpose, session_id = Purpose.PHONE_CHANGE, caller.session_id
    proof = codes.prove(caller.user_id, code=code, purpose=purpose, client=client, bound_to=session_id)
    now = clock.now()
    with transaction():
        # The turn of the number before the lock on the user, as everywhere: the order avoids a deadlock (ADR 17).
        wait_for_turn(proof.phone_number)
        before = users.find_with_session(caller.user_id, caller.session_id, now=now)
        if before is None:
            raise InvalidToken  # the session ended while the provider checked the code
        facts = proof.redeem(client=client, now=now)
        # An intruder may have signed in before this change: only the session that verified the number goes on.
        earned.void(before.id, now=now)
        trusted_devices.end_all(before.id, now=now)
        ended = sessions.end_all(before.id, now=now, keep=caller.session_id)
        audit.record("phone.changed", user_id=before.id, client=client, at=now, **facts, sessionsEnded=ended)
        _notify(before, proof.phone_number, client, now)
        return proof.phone_number, sessions.go_on(caller, users.renew_sessions(before.id, now=now))


def _notify(before: Account, phone_number: str, client: ClientInfo, now: datetime) -> None:
    """Notify the user. If the number from before was verified, the message has a link that undoes the change."""
    if before.phone_number in {None, phone_number} or not before.is_verified:
        notices.notify(before.id, "phone_changed", now=now, client=client, phone_number=phone_number)
        return
    token = earlier_numbers.record(before.id, before.reachable_number(), now=now)
    notices.notify(
        before.id,
        "phone_change_undo",
        now=now,
        client=client,
        phone_number=phone_number,
        link=links.web_address(earlier_numbers.PAGE, token),
        token=token,
        valid_minutes=int(earlier_numbers.LIFETIME.total_seconds()) // 60,
    )
    notices.notify_earlier(before.id, "phone_changed", now=now, client=client, phone_number=phone_number)
