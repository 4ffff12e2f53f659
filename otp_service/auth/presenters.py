"""Puts what the sign-in services return into the words and fields of the contract."""

from dataclasses import asdict
from typing import Any

from otp_service.auth.sign_in import SignIn, Verified
from otp_service.core import phone
from otp_service.core.errors import ServiceError
from otp_service.factors import otp


def present_sign_in(result: SignIn) -> dict[str, Any]:
    """The answer to a right password."""
    if result.tokens is not None:
        message = {"message": "Login successful.", "user_id": result.user_id, "requires_otp": False}
        return {**message, **asdict(result.tokens)}
    challenge = result.challenge
    if challenge is None or result.phone_number is None:
        raise ValueError("a sign-in without tokens has a challenge")
    sent = {"message": "Login successful. OTP sent for verification."}
    return {
        **(sent if result.otp_error is None else _failed(result.otp_error)),
        "user_id": result.user_id,
        "requires_otp": True,
        "challenge_token": challenge.token,
        "expires_in": challenge.expires_in,
        "methods": list(otp.CHANNELS),
        "default_method": result.channel,
        "channel": result.channel,
        "phone_number": phone.mask(result.phone_number),
    }


def _failed(error: ServiceError) -> dict[str, Any]:
    message = "Login successful. Failed to send OTP automatically. Request manually."
    told = {"message": message, "otp_error": error.detail, "otp_error_code": error.code}
    wait = error.extra.get("retryAfter")
    return told if wait is None else {**told, "retry_after": wait}


def present_delivery(delivery: otp.Delivery) -> dict[str, Any]:
    """The answer to a sent code."""
    message = f"OTP sent via {delivery.channel} to {phone.mask(delivery.phone_number)}."
    return {**asdict(delivery), "message": message}


def present_verified(result: Verified) -> dict[str, Any]:
    """The answer to a right code."""
    message = "Phone number verified successfully. Access granted."
    tokens = asdict(result.tokens) if result.tokens else {}
    return {"message": message, "user_id": result.user_id, **tokens}
