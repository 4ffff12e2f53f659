"""Turns the results of the sign-in services into the messages and fields of the responses."""

from dataclasses import asdict
from typing import Any

from otp_service import verifications
from otp_service.auth.phone_verification import Announcement
from otp_service.auth.sign_in import SignIn, Verified
from otp_service.core import phone
from otp_service.core.errors import ServiceError
from otp_service.core.services import settings
from otp_service.factors.phone.factor import RISK
from otp_service.verifications.errors import OtpCooldown


def present_registered(user_id: int | None) -> dict[str, Any]:
    """Respond to a registration; without the id while existence is hidden."""
    message = "User registered successfully. Verify your phone number to complete setup."
    response = {"message": message, "notice": RISK}
    return response if user_id is None else {**response, "user_id": user_id}


def present_sign_in(result: SignIn) -> dict[str, Any]:
    """Respond to a right password."""
    if result.tokens is not None:
        message = {"message": "Login successful.", "user_id": result.user_id, "requires_otp": False}
        return {**message, **asdict(result.tokens)}
    challenge = result.challenge
    if challenge is None:
        raise ValueError("a sign-in without tokens has a challenge")
    return {
        **_next_step(result),
        "user_id": result.user_id,
        "requires_otp": True,
        "challenge_token": challenge.token,
        "expires_in": challenge.expires_in,
        "methods": list(result.methods),
        **({"default_method": result.default_method} if result.default_method else {}),
        # Masked: a right password alone must not reveal the number.
        **({"phone_number": phone.mask(result.phone_number)} if result.phone_number else {}),
    }


def _next_step(result: SignIn) -> dict[str, Any]:
    response = {"channel": result.channel} if result.channel else {}
    if result.otp_error is not None:
        return {**_failed(result, result.otp_error), **response}
    if not response:
        return {"message": "Login successful. Second factor required."}
    return {"message": "Login successful. OTP sent for verification.", **response}


def _failed(result: SignIn, error: ServiceError) -> dict[str, Any]:
    message = "Failed to send OTP automatically. Request manually."
    if isinstance(error, OtpCooldown):
        message = _waiting(error.retry_after_seconds, uses_earlier_code=result.uses_earlier_code)
    response = {"message": f"Login successful. {message}", "otp_error": error.detail, "otp_error_code": error.code}
    wait = error.extra.get("retryAfter")
    return response if wait is None else {**response, "retry_after": wait}


def _waiting(wait_seconds: int, *, uses_earlier_code: bool) -> str:
    """Say when the last code was sent, and whether it may be entered here."""
    ago = _seconds(max(0, settings().codes.cooldown_seconds - wait_seconds))
    if uses_earlier_code:
        return f"A code was sent {ago} ago: enter that one, or request another in {_seconds(wait_seconds)}."
    return f"No code was sent now, because one was sent {ago} ago. Request one in {_seconds(wait_seconds)}."


def _seconds(amount: int) -> str:
    return f"{amount} second{'' if amount == 1 else 's'}"


def present_delivery(delivery: verifications.Delivery | Announcement) -> dict[str, Any]:
    """Respond to a sent code, or to one that is sent if there is an account."""
    if isinstance(delivery, Announcement):
        message = f"If there is such an account, an OTP is on its way via {delivery.channel}."
        return {**asdict(delivery), "message": message}
    message = f"OTP sent via {delivery.channel} to {phone.mask(delivery.phone_number)}."
    return {**asdict(delivery), "message": message}


def present_verified(result: Verified) -> dict[str, Any]:
    """Respond to a right code."""
    # The message is that of the first version. The two flags say what it leaves open: without a challenge, no session.
    message = "Phone number verified successfully. Access granted."
    return {"message": message, "verified": True, "signed_in": result.tokens is not None, **_opened(result)}


def present_signed_in(result: Verified) -> dict[str, Any]:
    """Respond to a right proof of another factor."""
    return {"message": "Login successful.", **_opened(result)}


def _opened(result: Verified) -> dict[str, Any]:
    given = {"device_token": result.device_token, "known_device_token": result.known_device_token}
    device = {name: token for name, token in given.items() if token}
    due = {"enrolment_required": True} if result.enrolment_required else {}
    held = {"recovery_hold_until": result.recovery_hold_until} if result.recovery_hold_until else {}
    undone = {"deletion_cancelled": True} if result.deletion_cancelled else {}
    tokens = asdict(result.tokens) if result.tokens else {}
    return {"user_id": result.user_id, **tokens, **device, **due, **held, **undone}
