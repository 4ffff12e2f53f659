"""The phone as a second factor: a code by one of its channels, proven to the provider."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from otp_service.accounts import users
from otp_service.core import phone
from otp_service.core.web.schema import Schema
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors.contract import Ask
from otp_service.factors.phone.schemas import PhoneAnswer
from otp_service.sinch import Channel
from otp_service.verifications import checking, redeeming
from otp_service.verifications.destinations import CHANNELS
from otp_service.verifications.states import Purpose

AMR = {Channel.SMS: "sms", Channel.WHATSAPP: "sms", Channel.CALLOUT: "tel", Channel.FLASHCALL: "tel"}
"""RFC 8176's word for how the code came. It has none for messengers: like SMS, they prove no more than the number."""

_PURPOSES = (Purpose.SIGN_IN, Purpose.STEP_UP)


@dataclass(frozen=True, slots=True)
class PhoneProof:
    """A code that the provider accepted."""

    proof: checking.Proof

    @property
    def amr(self) -> tuple[str, ...]:
        """How the code came."""
        return (AMR[self.proof.channel],)

    def redeem(self, *, client: ClientInfo, now: datetime) -> None:
        """Raises OtpInvalid when it was spent."""
        redeeming.redeem(self.proof, client=client, now=now)


class PhoneFactor:
    """See factors.contract.Factor. A recovery has a code of its own and takes none here: no channel counts twice."""

    kind = "phone"
    words: tuple[str, ...] = tuple(CHANNELS)
    path: str | None = None
    answer: type[Schema] = PhoneAnswer
    has_offer = False
    needs_password = True
    is_backup = False

    def methods(self, user_id: int) -> tuple[str, ...]:
        """The channels, while the account has a number; a first sign-in proves it."""
        account = users.find_by_id(user_id)
        return tuple(CHANNELS) if account is not None and account.phone_number else ()

    def offer(self, ask: Ask) -> dict[str, Any]:  # noqa: ARG002 - sending has limits and routes of its own
        """Nothing: a code is sent on request."""
        return {}

    def prove(self, ask: Ask, answer: dict[str, Any]) -> PhoneProof:
        """Ask the provider. Raises OtpInvalid, TooManyAttempts, ProviderUnavailable, ProviderRefused."""
        if ask.purpose not in _PURPOSES:
            raise ValueError(f"the phone is no factor for {ask.purpose}")
        return PhoneProof(
            checking.prove(
                user_id=ask.user_id,
                code=answer["code"],
                purpose=ask.purpose,
                challenge_id=ask.bound_to,
                client=ask.client,
            )
        )

    def describe(self, user_id: int) -> list[dict[str, Any]]:
        """The number, masked, once it is proven."""
        account = users.find_by_id(user_id)
        if account is None or account.phone_number is None or account.phone_verified_at is None:
            return []
        return [
            {
                "type": self.kind,
                "phone_number": phone.mask(account.phone_number),
                "created_at": account.phone_verified_at,
            }
        ]

    def remove_all(self, user_id: int) -> int:  # noqa: ARG002 - the number belongs to the account
        """Nothing: the number goes with the account."""
        return 0


PHONE = PhoneFactor()
