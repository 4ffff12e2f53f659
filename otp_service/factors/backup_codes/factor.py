"""Backup codes as a second factor."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from otp_service import audit
from otp_service.accounts import notices, password_hashing
from otp_service.core import clock
from otp_service.core.crypto.hash_slots import SlotsBusy
from otp_service.core.database.transactions import transaction
from otp_service.core.web.schema import Schema
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import throttle
from otp_service.factors.backup_codes import codes, hashes, making, records
from otp_service.factors.backup_codes.making import KIND, Made
from otp_service.factors.backup_codes.schemas import BackupCodeAnswer
from otp_service.factors.contract import Ask
from otp_service.factors.errors import OtpInvalid


@dataclass(frozen=True, slots=True)
class BackupCodeProof:
    """A right code."""

    code_id: uuid.UUID
    user_id: int

    @property
    def amr(self) -> tuple[str, ...]:
        """A one-time password (RFC 8176), from paper."""
        return ("otp",)

    def redeem(self, *, client: ClientInfo, now: datetime) -> None:
        """Tells the user by e-mail. Raises OtpInvalid when the code was used, or replaced, meanwhile."""
        with transaction():
            if not records.spend(self.code_id, now=now):
                raise OtpInvalid
            throttle.clear(self.user_id, KIND)
            remaining = records.standing(self.user_id).remaining
            audit.record("factor.used", user_id=self.user_id, client=client, at=now, factor=KIND, remaining=remaining)
            notices.notify(self.user_id, "backup_code_used", now=now, client=client, remaining=remaining)


class BackupCodesFactor:
    """See factors.contract.Factor, and CodeMaker."""

    kind = KIND
    words: tuple[str, ...] = ("backup_code",)
    path: str | None = "backup-code"
    answer: type[Schema] = BackupCodeAnswer
    has_offer = False
    needs_password = True
    is_backup = True

    def methods(self, user_id: int) -> tuple[str, ...]:
        """One word, while a code is left."""
        return self.words if records.standing(user_id).remaining else ()

    def offer(self, ask: Ask) -> dict[str, Any]:  # noqa: ARG002 - the codes are on paper
        """Nothing: the user has the codes."""
        return {}

    def prove(self, ask: Ask, answer: dict[str, Any]) -> BackupCodeProof:
        """Compare with the one code that begins so; one hash, whatever was typed.

        Raises OtpInvalid, TooManyAttempts, AuthenticatorDisabled, SlotsBusy (nothing is spent).
        """
        password_hashing.refuse_when_full()
        now = clock.now()
        throttle.take(ask.user_id, KIND, client=ask.client, now=now)
        code = codes.read(answer["code"])
        stored = records.find(ask.user_id, code.selector) if code else None
        try:
            is_right = hashes.matches(code, stored.code_hash if stored else None)
        except SlotsBusy:
            with transaction():
                throttle.give_back(ask.user_id, KIND, taken_at=now)
            raise
        if stored is None or not is_right or stored.used_at is not None:
            _record_refusal(ask, now, is_guess=not is_right)
            raise OtpInvalid
        return BackupCodeProof(stored.id, ask.user_id)

    def describe(self, user_id: int) -> list[dict[str, Any]]:
        """The codes in sum, used up or not."""
        standing = records.standing(user_id)
        if standing.created_at is None:
            return []
        return [
            {
                "type": self.kind,
                "created_at": standing.created_at,
                "last_used_at": standing.last_used_at,
                "remaining": standing.remaining,
            }
        ]

    def remove_all(self, user_id: int) -> int:
        """Forget the codes and the tries."""
        throttle.clear(user_id, KIND)
        return records.remove(user_id)

    def make_first(self, user_id: int) -> Made | None:
        """None for who has codes, used up or not. Raises SlotsBusy."""
        return None if records.standing(user_id).total else making.make(user_id)


def _record_refusal(ask: Ask, now: datetime, *, is_guess: bool) -> None:
    """A code that had been right is no guess: it is refused, and not counted."""
    with transaction():
        if not is_guess:
            throttle.give_back(ask.user_id, KIND, taken_at=now)
        audit.record("factor.refused", user_id=ask.user_id, client=ask.client, at=now, factor=KIND)


BACKUP_CODES = BackupCodesFactor()
