"""Codes by e-mail: the second channel of a reset for an account without a strong factor (ADR 32)."""

import hmac
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select, update

from otp_service import audit, outbox
from otp_service.accounts import earned, links, users
from otp_service.accounts.users import Account
from otp_service.core import clock
from otp_service.core.crypto.secrets import keyring, new_typed_code, read_typed_code
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.rows import rows_about
from otp_service.core.database.transactions import execute, fetch_one, transaction
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import throttle
from otp_service.factors.throttle import ResponseRejected
from otp_service.recovery.models import TRIES, RecoveryCode
from otp_service.verifications import limits, owner_of_user
from otp_service.verifications.errors import OtpInvalid, TooManyAttempts

METHOD = "email"
PAGE = "reset-password"
_COUNTED_AS = "recovery_email"
_PURPOSE = "recovery code"


@dataclass(frozen=True, slots=True)
class EmailProof:
    """A right code. See factors.contract.Proof."""

    verification_id: uuid.UUID
    user_id: int

    @property
    def amr(self) -> tuple[str, ...]:
        """The method; RFC 8176 has no value for it, and no token states it."""
        return (METHOD,)

    def redeem(self, *, client: ClientInfo, now: datetime) -> dict[str, Any]:
        """Spend the code in the open transaction of the reset. Raises OtpInvalid if it is spent or void."""
        # A code works once: of parallel resets, one finds it unspent (ADR 3).
        is_open = _is(self.verification_id, self.user_id) & RecoveryCode.spent_at.is_(None)
        if execute(update(RecoveryCode).where(is_open).values(spent_at=now)).rowcount != 1:
            raise OtpInvalid
        throttle.clear(self.user_id, _COUNTED_AS)
        return audit.carry("factor.used", user_id=self.user_id, client=client, factor=METHOD)


def send(account: Account, *, verification_id: uuid.UUID, client: ClientInfo) -> None:
    """Send a code to the account's verified address. It works for the reset that has this code on the phone.

    Sends one code for each reset, however often it is called.
    """
    now, code, ttl = clock.now(), new_typed_code(), settings().codes.ttl_seconds
    with transaction():
        held = users.find_and_hold(account.id)
        if held is None or held.email != account.email or not held.email_verified:
            return  # locked, deleted or changed since the message to the phone
        if fetch_one(select(RecoveryCode.created_at).where(_is(verification_id, account.id))) is not None:
            return  # sent by a process that died right afterwards (ADR 43)
        execute(
            insert(RecoveryCode).values(
                verification_id=verification_id,
                user_id=account.id,
                code_hash=_hashes(verification_id, code)[0],
                created_at=now,
                expires_at=now + timedelta(seconds=ttl),
            )
        )
        outbox.enqueue(
            "recovery_code",
            to=account.email,
            locale=account.locale,
            now=now,
            user_id=account.id,
            code=code,
            link=links.web_address(PAGE, code),
            valid_minutes=ttl // 60,
            ip=client.ip or None,
            agent=client.agent or None,
        )


def verify(user_id: int, text: str, *, verification_id: uuid.UUID, client: ClientInfo) -> EmailProof:
    """Compare a typed code with the one of the reset. Raises OtpInvalid, TooManyAttempts."""
    now, code = clock.now(), read_typed_code(text)
    # Not in a row: a thief of the phone must not be able to disable the mailbox for good.
    with throttle.attempt(user_id, _COUNTED_AS, client=client, now=now, is_in_a_row=False):
        if code is None:
            raise ResponseRejected(is_guess=False)
        stored = _count(verification_id, user_id, now)
        if not any(hmac.compare_digest(stored, one) for one in _hashes(verification_id, code)):
            raise ResponseRejected
    with transaction():
        # The code was right: a password that is rejected next must not use the tries up.
        is_it = _is(verification_id, user_id) & (RecoveryCode.attempts > 0)
        execute(update(RecoveryCode).where(is_it).values(attempts=RecoveryCode.attempts - 1))
    return EmailProof(verification_id, user_id)


def _count(verification_id: uuid.UUID, user_id: int, now: datetime) -> str:
    """Count a try, and return the stored hash. Raises ResponseRejected, TooManyAttempts."""
    is_open = RecoveryCode.spent_at.is_(None) & (RecoveryCode.expires_at > now)
    is_left = _is(verification_id, user_id) & is_open & (RecoveryCode.attempts < TRIES)
    with transaction():
        # Committed before the comparison: of parallel guesses, at most five are compared (ADR 7).
        counted = update(RecoveryCode).where(is_left).values(attempts=RecoveryCode.attempts + 1)
        row = execute(counted.returning(RecoveryCode.code_hash)).one_or_none()
    if row is not None:
        return str(row.code_hash)
    if fetch_one(select(RecoveryCode.attempts).where(_is(verification_id, user_id), is_open)) is None:
        raise ResponseRejected(is_guess=False)
    raise TooManyAttempts(retry_after_seconds=limits.seconds_until_next(owner_of_user(user_id), now=now))


def void(user_id: int | None) -> None:
    """Delete the user's codes, or those of all users, in the open transaction of a change (ADR 33)."""
    execute(delete(RecoveryCode).where(earned.is_user(RecoveryCode.user_id, user_id)))


earned.voided_by("recovery codes", void)


def personal_data(user_id: int) -> list[dict[str, Any]]:
    """Return when codes were sent to the user by e-mail; no code."""
    columns = (RecoveryCode.created_at, RecoveryCode.attempts, RecoveryCode.expires_at, RecoveryCode.spent_at)
    return rows_about(RecoveryCode.user_id == user_id, *columns)


def forget(before: datetime) -> int:
    """Delete codes that expired before a time; return how many."""
    return delete_in_batches(RecoveryCode, RecoveryCode.expires_at < before)


def _is(verification_id: uuid.UUID, user_id: int) -> ColumnElement[bool]:
    return (RecoveryCode.verification_id == verification_id) & (RecoveryCode.user_id == user_id)


def _hashes(verification_id: uuid.UUID, code: str) -> tuple[str, ...]:
    return keyring().digests(f"{verification_id}:{code}", purpose=_PURPOSE)
