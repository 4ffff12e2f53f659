"""Backup codes: issue ten, verify one, remove them. No other module reads or writes their table."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, exists, func, insert, update

from otp_service import audit
from otp_service.accounts import notices, password_hashing, users
from otp_service.core import clock
from otp_service.core.database.rows import Projection, rows_about
from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import execute, fetch_one, transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import throttle
from otp_service.factors.backup_codes import codes
from otp_service.factors.backup_codes.models import BackupCode
from otp_service.factors.changes import Added
from otp_service.factors.contract import ProofRequest
from otp_service.factors.throttle import ResponseRejected
from otp_service.sessions import Caller
from otp_service.verifications.errors import OtpInvalid

KIND = "backup_codes"
METHOD_NAMES = ("backup_code",)
COUNT = 10


@dataclass(frozen=True, slots=True)
class Stored:
    """One of the user's codes, used or not."""

    id: uuid.UUID
    code_hash: str
    used_at: datetime | None


_STORED = Projection(Stored, BackupCode)


@dataclass(frozen=True, slots=True)
class Summary:
    """The user's codes in sum. `created_at` is None if there are none."""

    created_at: datetime | None
    last_used_at: datetime | None
    total: int
    remaining: int


_SUMMARIES = Projection(
    Summary,
    BackupCode,
    created_at=func.min(BackupCode.created_at),
    last_used_at=func.max(BackupCode.used_at),
    total=func.count(),
    remaining=func.count() - func.count(BackupCode.used_at),
)


@dataclass(frozen=True, slots=True)
class NewCodes:
    """New codes, made and hashed (see factors.contract.NewCodes). `hashes` are by selector."""

    user_id: int
    codes: tuple[str, ...]
    hashes: dict[str, str]

    def store_first(self, *, client: ClientInfo, now: datetime) -> tuple[str, ...]:
        """Store them, unless another request has stored some since `make_first`; return those that were stored."""
        if _summarize(self.user_id).total:
            return ()
        self.store(client=client, now=now)
        return self.codes

    def store(self, *, client: ClientInfo, now: datetime) -> None:
        """Store them in place of earlier ones, in the open transaction, and clear the tries of those."""
        values = [
            {"id": uuid.uuid4(), "user_id": self.user_id, "selector": selector, "code_hash": hash, "created_at": now}
            for selector, hash in self.hashes.items()
        ]
        remove_all(self.user_id)
        execute(insert(BackupCode).values(values))
        audit.record("factor.added", user_id=self.user_id, client=client, at=now, factor=KIND)


@dataclass(frozen=True, slots=True)
class BackupCodeProof:
    """A right code."""

    code_id: uuid.UUID
    user_id: int

    @property
    def amr(self) -> tuple[str, ...]:
        """A one-time password (RFC 8176), from paper."""
        return ("otp",)

    def redeem(self, *, client: ClientInfo, now: datetime) -> dict[str, Any]:
        """Use the code up, and notify the user. Raises OtpInvalid if it was used or replaced meanwhile."""
        with transaction():
            # A code works once: of parallel uses, one conditional update finds it unused (ADR 3). Replaced codes are
            # deleted rows, so they match no row either.
            is_unused = (BackupCode.id == self.code_id) & BackupCode.used_at.is_(None)
            if execute(update(BackupCode).where(is_unused).values(used_at=now)).rowcount != 1:
                raise OtpInvalid
            throttle.clear(self.user_id, KIND)
            remaining = _summarize(self.user_id).remaining
            notices.notify(self.user_id, "backup_code_used", now=now, client=client, remaining=remaining)
            return audit.carry("factor.used", user_id=self.user_id, client=client, factor=KIND, remaining=remaining)


def replace(caller: Caller, *, client: ClientInfo) -> dict[str, Any]:
    """Issue new codes in place of the earlier ones, and return them with a new access token of the session.

    Raises SlotsBusy (nothing is changed), InvalidToken.
    """
    user_id = caller.user_id
    made = _make(user_id)
    now = clock.now()
    with transaction():
        # Of two parallel requests the second waits for the first: without the lock, both sets would be stored.
        users.hold_bearer(user_id)
        made.store(client=client, now=now)
        notices.notify(user_id, "factor_added", now=now, client=client, factor=KIND)
        return Added(made.codes, users.renew_sessions(user_id, now=now)).shown_to(caller)


def make_first(user_id: int) -> NewCodes | None:
    """Make codes for a user who has none, used up or not; None for any other. Raises SlotsBusy."""
    return None if _summarize(user_id).total else _make(user_id)


def verify(request: ProofRequest, response: dict[str, Any]) -> BackupCodeProof:
    """Compare a response with the one code of its selector.

    Raises OtpInvalid, TooManyAttempts, AuthenticatorDisabled, SlotsBusy (no try is counted).
    """
    now = clock.now()
    with (
        password_hashing.queue_up() as place,
        throttle.attempt(request.user_id, KIND, client=request.client, now=now),
    ):
        code = codes.read(response["code"])
        stored = _find(request.user_id, code.selector) if code else None
        is_right = codes.matches(code, stored.code_hash if stored else None, place=place)
        if stored is None or not is_right or stored.used_at is not None:
            # A used code was right once: parallel uses of one code must not use up the tries (ADR 15).
            raise ResponseRejected(is_guess=not is_right)
    return BackupCodeProof(stored.id, request.user_id)


def enrolment(user_id: Given, _now: Given) -> ColumnElement[Any]:
    """Return whether an unused code is left, for a statement."""
    return exists().where(BackupCode.user_id == user_id, BackupCode.used_at.is_(None))


def methods_of(has_one: bool) -> tuple[str, ...]:
    """Return the one name, if an unused code is left."""
    return METHOD_NAMES if has_one else ()


def describe(user_id: int) -> list[dict[str, Any]]:
    """Return the codes in sum, used up or not."""
    summary = _summarize(user_id)
    if summary.created_at is None:
        return []
    return [
        {
            "type": KIND,
            "created_at": summary.created_at,
            "last_used_at": summary.last_used_at,
            "remaining": summary.remaining,
        }
    ]


def remove_all(user_id: int) -> int:
    """Delete the user's codes and the tries, in the open transaction. Return how many codes there were."""
    throttle.clear(user_id, KIND)
    return int(execute(delete(BackupCode).where(BackupCode.user_id == user_id)).rowcount)


def remove_added_since(user_id: int, since: datetime) -> int:
    """Delete the codes that were made after a time, in the open transaction. Return how many there were."""
    is_younger = (BackupCode.user_id == user_id) & (BackupCode.created_at > since)
    return int(execute(delete(BackupCode).where(is_younger)).rowcount)


def personal_data(user_id: int) -> list[dict[str, Any]]:
    """Return when each code was made and used; no code and no part of one."""
    return rows_about(BackupCode.user_id == user_id, BackupCode.created_at, BackupCode.used_at)


def _make(user_id: int) -> NewCodes:
    """Make and hash new codes. Raises SlotsBusy."""
    made = codes.make(COUNT)
    selectors = [code.selector for code in made]
    return NewCodes(user_id, tuple(map(str, made)), dict(zip(selectors, codes.hash_all(made), strict=True)))


def _find(user_id: int, selector: str) -> Stored | None:
    """Return the user's code with this selector, used or not."""
    is_it = (BackupCode.user_id == user_id) & (BackupCode.selector == selector)
    return _STORED.find(fetch_one(_STORED.select().where(is_it)))


def _summarize(user_id: int) -> Summary:
    return _SUMMARIES.find(fetch_one(*_sums(user_id))) or Summary(None, None, 0, 0)


@prepared
def _sums(user_id: Given) -> Select[Any]:
    return _SUMMARIES.select().where(BackupCode.user_id == user_id)
