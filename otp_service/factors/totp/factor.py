"""The authenticator app as a second factor."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from otp_service import audit
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.web.schema import Schema
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import throttle
from otp_service.factors.contract import Ask
from otp_service.factors.errors import OtpInvalid
from otp_service.factors.totp import codes, records
from otp_service.factors.totp.records import Authenticator
from otp_service.factors.totp.schemas import TotpAnswer

KIND = "totp"


@dataclass(frozen=True, slots=True)
class TotpProof:
    """A right code: the authenticator and the time step that it belongs to."""

    authenticator_id: uuid.UUID
    user_id: int
    step: int

    @property
    def amr(self) -> tuple[str, ...]:
        """A one-time password (RFC 8176)."""
        return ("otp",)

    def redeem(self, *, client: ClientInfo, now: datetime) -> None:
        """Raises OtpInvalid when this code, or a later one, was taken meanwhile."""
        with transaction():
            if not records.spend(self.authenticator_id, step=self.step, now=now):
                raise OtpInvalid
            throttle.clear(self.user_id, KIND)
            audit.record("factor.used", user_id=self.user_id, client=client, at=now, factor=KIND)


class TotpFactor:
    """See factors.contract.Factor."""

    kind = KIND
    words: tuple[str, ...] = ("totp",)
    path: str | None = "totp"
    answer: type[Schema] = TotpAnswer
    has_offer = False
    needs_password = True
    is_backup = False

    def methods(self, user_id: int) -> tuple[str, ...]:
        """One word, once the app is confirmed."""
        return self.words if records.find(user_id) else ()

    def offer(self, ask: Ask) -> dict[str, Any]:  # noqa: ARG002 - the app needs nothing from us
        """Nothing: the app knows its code."""
        return {}

    def prove(self, ask: Ask, answer: dict[str, Any]) -> TotpProof:
        """Find the time step of a code. Raises OtpInvalid, TooManyAttempts, AuthenticatorDisabled."""
        now = clock.now()
        throttle.take(ask.user_id, KIND, client=ask.client, now=now)
        held = records.find(ask.user_id)
        step = codes.matched_step(held.opened_secret(), answer["code"], now=now) if held else None
        is_used = _is_used(held, step)
        if held is None or step is None or is_used:
            record_refusal(ask.user_id, client=ask.client, now=now, is_guess=held is not None and not is_used)
            raise OtpInvalid
        return TotpProof(held.id, ask.user_id, step)

    def describe(self, user_id: int) -> list[dict[str, Any]]:
        """The app, once it is confirmed."""
        held = records.find(user_id)
        if held is None:
            return []
        return [{"type": self.kind, "created_at": held.confirmed_at, "last_used_at": held.last_used_at}]

    def remove_all(self, user_id: int) -> int:
        """Forget the secret and the tries; an enrolment that waits goes as well."""
        throttle.clear(user_id, KIND)
        return records.remove(user_id)


def _is_used(held: Authenticator | None, step: int | None) -> bool:
    """Whether a code of this step, or of a later one, was taken before."""
    newest = held.last_used_step if held else None
    return newest is not None and step is not None and step <= newest


def record_refusal(user_id: int, *, client: ClientInfo, now: datetime, is_guess: bool = True) -> None:
    """Note that a code was refused. One that had been right, or could not be, is no guess and is given back."""
    with transaction():
        if not is_guess:
            throttle.give_back(user_id, KIND, taken_at=now)
        audit.record("factor.refused", user_id=user_id, client=client, at=now, factor=KIND)


TOTP = TotpFactor()
