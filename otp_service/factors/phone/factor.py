"""The phone as a second factor: a code over one of its channels."""

from typing import Any

from sqlalchemy import ColumnElement

from otp_service.accounts import users
from otp_service.core import phone
from otp_service.core.database.statements import Given
from otp_service.factors.contract import ProofRequest
from otp_service.factors.phone import codes
from otp_service.factors.phone.codes import KIND, PhoneProof
from otp_service.verifications import Purpose, channels_to, overview, owner_of_user

RISK = "Codes can be read by whoever takes over this number. Add an authenticator app or a passkey when you can."
"""Shown when a number becomes a person's factor (NIST SP 800-63B-4: a restricted authenticator)."""

_PURPOSES = (Purpose.SIGN_IN, Purpose.STEP_UP)
"""A recovery sends a code of its own, and takes none here: one channel does not count twice."""


def enrolment(user_id: Given, _now: Given) -> ColumnElement[Any]:
    """Return the account's number unless the user switched the phone off as a factor, for a statement."""
    return users.number_of(user_id, unless_off=True)


def number(user_id: Given) -> ColumnElement[Any]:
    """Return the account's number, for a statement: its channels let a user in who has no other factor."""
    return users.number_of(user_id)


def methods_of(phone_number: str | None) -> tuple[str, ...]:
    """Return the channels that reach a number; the first sign-in verifies it."""
    return channels_to(phone_number) if phone_number else ()


def verify(request: ProofRequest, response: dict[str, Any]) -> PhoneProof:
    """Check the code. Raises what codes.prove raises."""
    if request.purpose not in _PURPOSES:
        raise ValueError(f"the phone is no factor for {request.purpose}")
    return codes.prove(
        request.user_id,
        code=response["code"],
        purpose=request.purpose,
        client=request.client,
        bound_to=request.bound_to,
        also=request.adopted_code,
    )


def describe(user_id: int) -> list[dict[str, Any]]:
    """Return the number, masked, if it is verified."""
    account = users.find_by_id(user_id)
    if account is None or account.phone_number is None or account.phone_verified_at is None:
        return []
    return [
        {
            "type": KIND,
            "phone_number": phone.mask(account.phone_number),
            "created_at": account.phone_verified_at,
            "enabled": account.phone_off_at is None,
        }
    ]


def personal_data(user_id: int) -> list[dict[str, Any]]:
    """Return the codes that were sent to the user."""
    return overview.personal_data(owner_of_user(user_id))
