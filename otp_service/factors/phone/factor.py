"""The phone as a second factor: a code by one of its channels, proven to the provider."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from otp_service.accounts import users
from otp_service.core import phone
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors.contract import Factor, ProofRequest
from otp_service.factors.phone.schemas import PhoneAnswer
from otp_service.sinch import Channel
from otp_service.verifications import checking, redeeming
from otp_service.verifications.destinations import CHANNELS
from otp_service.verifications.states import Purpose

AMR = {Channel.SMS: "sms", Channel.WHATSAPP: "sms", Channel.CALLOUT: "tel", Channel.FLASHCALL: "tel"}
"""RFC 8176's word for how the code came. It has none for messengers: like SMS, they prove no more than the number."""

KIND = "phone"
_PURPOSES = (Purpose.SIGN_IN, Purpose.STEP_UP)
"""A recovery sends a code of its own, and takes none here: one channel does not count twice."""


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


def _find_methods(user_id: int) -> tuple[str, ...]:
    """Return the channels if the account has a number; the first sign-in verifies it."""
    account = users.find_by_id(user_id)
    return CHANNELS if account is not None and account.phone_number else ()


def _verify(request: ProofRequest, response: dict[str, Any]) -> PhoneProof:
    """Ask the provider. Raises OtpInvalid, TooManyAttempts, ProviderUnavailable, ProviderRefused."""
    if request.purpose not in _PURPOSES:
        raise ValueError(f"the phone is no factor for {request.purpose}")
    return PhoneProof(
        checking.prove(
            user_id=request.user_id,
            code=response["code"],
            purpose=request.purpose,
            challenge_id=request.bound_to,
            client=request.client,
        )
    )


def _describe(user_id: int) -> list[dict[str, Any]]:
    """Return the number, masked, if it is verified."""
    account = users.find_by_id(user_id)
    if account is None or account.phone_number is None or account.phone_verified_at is None:
        return []
    return [
        {
            "type": KIND,
            "phone_number": phone.mask(account.phone_number),
            "created_at": account.phone_verified_at,
        }
    ]


PHONE = Factor(
    kind=KIND,
    method_names=CHANNELS,
    response=PhoneAnswer,
    find_methods=_find_methods,
    verify=_verify,
    describe=_describe,
    remove_all=lambda user_id: 0,  # noqa: ARG005 - the number belongs to the account
)
