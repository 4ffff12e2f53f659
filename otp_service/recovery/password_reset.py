"""Resets a forgotten password: a code on the phone, a second factor for accounts that have one, then a new password.

Only an account with a verified number can be recovered. The number of any other account may be a stranger's phone.
"""

import logging
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime

from otp_service import audit, sessions, verifications
from otp_service.accounts import known_clients, links, notices, password_hashing, users
from otp_service.accounts.errors import UserNotFound
from otp_service.accounts.users import Account
from otp_service.core import background, clock, tasks
from otp_service.core.database.transactions import transaction
from otp_service.core.errors import TooMany
from otp_service.core.services import settings
from otp_service.core.tasks import Task
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import throttle, trusted_devices
from otp_service.factors.contract import Proof
from otp_service.factors.phone import codes
from otp_service.factors.phone.codes import PhoneOwner, PhoneProof
from otp_service.providers import Channel
from otp_service.recovery import email_codes, second_channel
from otp_service.recovery.second_channel import SecondFactor
from otp_service.recovery.settings import HOUR, RecoverySettings
from otp_service.verifications import Along, Asker, Purpose, Recipient, limits
from otp_service.verifications.errors import DestinationNotAllowed, OtpInvalid

log = logging.getLogger(__name__)
_TASK = "password reset"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a client sends to set a password. `removes_recent`: also remove the factors of the last 72 hours."""

    email: str
    code: str
    new_password: str
    second: SecondFactor | None = None
    removes_recent: bool = False


@dataclass(frozen=True, slots=True)
class _Reset:
    """A confirmation that was checked: the proofs, and the hash of the password."""

    password_hash: str
    proof: PhoneProof
    second_proof: Proof | None
    removes_recent: bool


def request(*, email: str, client: ClientInfo, device_token: str | None = None) -> None:
    """Send a code to the phone of the account with a canonical address, after the response.

    The response is the same if there is no such account, or if a limit forbids the message. Raises SlotsBusy.
    """
    # The place first: a code that was accepted must not be dropped.
    with background.place() as run_later:
        is_refused = False
        try:
            # By the address as given: a limit that only accounts reach would reveal them (ADR 13, ADR 18).
            limits.take_named_send(Purpose.PASSWORD_RESET, email, ip=client.ip, now=clock.now())
        except TooMany as refused:
            log.info("password.reset_not_sent", extra={"code": refused.code})
            # Only strangers may be refused: a client that the account knows has the owner's share (ADR 13).
            is_refused = True
        values = {"email": email, "client": asdict(client), "device_token": device_token, "is_refused": is_refused}
        run_later(_TASK, values)


def _carry_out(task: Task) -> None:
    """Send the code, or what is missing of it after a crash."""
    email, client = task.values["email"], ClientInfo(**task.values["client"])
    now, device_token = clock.now(), task.values["device_token"]
    is_known = known_clients.is_known(email, device_token=device_token, client=client, now=now)
    account = _find_recoverable(email)
    if account is None or (task.values["is_refused"] and not is_known):
        return
    code_id = verifications.find_started(task.effect_ids)
    if code_id is None:
        asker = Asker.HOLDER if is_known else Asker.BY_NAME
        code_id = _send(account, asker, client, verification_id=task.effect_ids[-1])
    if email_codes.METHOD in second_channel.of_account(account, now=now).methods:
        # After the message to the phone, since the code by e-mail belongs to that one.
        email_codes.send(account, verification_id=code_id, client=client)


tasks.carried_out_by(_TASK, _carry_out)


def _send(account: Account, asker: Asker, client: ClientInfo, *, verification_id: uuid.UUID) -> uuid.UUID:
    """Send the code to the phone; return the verification."""

    def record() -> None:
        audit.record("password.reset_requested", user_id=account.id, client=client, at=clock.now())

    number, along = account.reachable_number(), Along(record)
    recipient = Recipient(
        PhoneOwner(account.id),
        number,
        Purpose.PASSWORD_RESET,
        account.locale,
        asker=asker,
        along=along,
        verification_id=verification_id,
        has_other_proof=account.email_verified,
    )
    try:
        return verifications.send(recipient, channel=_channel(number), client=client).verification_id
    finally:
        along.ensure()


def _channel(phone_number: str) -> Channel:
    """Choose SMS, or a call for a fixed line."""
    try:
        verifications.check_destination(phone_number, Channel.SMS)
    except DestinationNotAllowed:
        return Channel.CALLOUT
    return Channel.SMS


def confirm(confirmation: Confirmation, *, client: ClientInfo) -> None:
    """Set the password, end all sessions and trusted devices, and void what was earned before. No session starts.

    Also ends the wait after wrong passwords, and enables factors that wrong codes disabled.

    Raises OtpInvalid, alike and after the same time for an unknown address, an account without a code and a wrong code;
    TooManyAttempts, ProviderUnavailable, ProviderRefused. Only after a right code, which stays valid:
    SecondFactorRequired, what Factor.verify raises, InvalidInput about the password, SlotsBusy.
    """
    email, code, second = confirmation.email, confirmation.code, confirmation.second
    account, proof = codes.check_by_name(
        Purpose.PASSWORD_RESET, email, lambda: _check(email, code, client), client=client
    )
    second_proof = second_channel.check(account, second, code_id=proof.verification_id, client=client)
    # The policy compares the password with the account's number, so its faults may go only to the holder of that phone.
    password_hash = password_hashing.hash_for(
        confirmation.new_password, email=account.email, phone_number=account.phone_number
    )
    _set(account.id, _Reset(password_hash, proof, second_proof, confirmation.removes_recent), client)


def _check(email: str, code: str, client: ClientInfo) -> tuple[Account, PhoneProof]:
    account = _find_recoverable(email)
    if account is None:
        raise UserNotFound
    asker, purpose = Asker.BY_NAME, Purpose.PASSWORD_RESET
    return account, codes.prove(account.id, code=code, purpose=purpose, client=client, asker=asker)


def _set(user_id: int, reset: _Reset, client: ClientInfo) -> None:
    """Redeem the proofs and set the password in one transaction."""
    now = clock.now()
    with transaction():
        account = users.find_and_hold(user_id)
        # Under the lock: an account that lost the number while the password was hashed must not be opened by its new
        # owner's code (ADR 17).
        if account is None or not _is_recoverable(account) or account.phone_number != reset.proof.phone_number:
            raise OtpInvalid
        facts = reset.proof.redeem(client=client, now=now)
        channels = second_channel.of_account(account, now=now)
        if reset.second_proof is not None:
            facts["second"] = reset.second_proof.redeem(client=client, now=now)
        elif channels.methods:
            raise OtpInvalid  # the account has got a second channel since the code was checked
        pending = links.pending_addresses(user_id, now=now)
        users.set_password_hash(user_id, reset.password_hash, now=now)
        sessions.end_all(user_id, now=now)
        trusted_devices.end_all(user_id, now=now)
        # What an intruder's sign-ins made known is unknown again; this client has just shown the phone (ADR 36).
        known_clients.forget_all(user_id, now=now)
        known_clients.remember_verified(user_id, client=client, now=now)
        throttle.enable(user_id)
        if reset.removes_recent:
            second_channel.remove_recent(user_id, client=client, now=now)
        held_until = _hold(user_id, reset, now)
        amr = list(reset.second_proof.amr) if reset.second_proof is not None else []
        facts |= {"secondFactor": amr, **({"heldUntil": held_until.isoformat()} if held_until else {})}
        audit.record("password.reset", user_id=user_id, client=client, at=now, **facts)
        hours = int(settings().of(RecoverySettings).hold.total_seconds()) // HOUR if held_until else None
        values = {"hold_hours": hours, **second_channel.told(channels, were_removed=reset.removes_recent)}
        notices.notify_everywhere(user_id, "recovery", now=now, client=client, pending=pending, **values)


def _hold(user_id: int, reset: _Reset, now: datetime) -> datetime | None:
    """Begin a hold after a reset by the phone alone, or end an earlier one; return until when it lasts."""
    # One possession never counts twice: the phone alone gave the password, so it is no second factor (ADR 32).
    held_until = now + settings().of(RecoverySettings).hold if reset.second_proof is None else None
    users.set_recovery_hold(user_id, held_until)
    return held_until


def _find_recoverable(email: str) -> Account | None:
    account = users.find_by_email(email)
    return account if account is not None and _is_recoverable(account) else None


def _is_recoverable(account: Account) -> bool:
    """Whether the account's number is verified, and no operator locked the account."""
    return account.locked_at is None and account.is_verified and bool(account.phone_number)
