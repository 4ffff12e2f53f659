"""Sinch, the provider that brings codes to phones: a client that knows what surely did and did not happen."""

from typing import cast

from flask import current_app

from otp_service.sinch.breaker import BreakerState
from otp_service.sinch.channels import Channel
from otp_service.sinch.client import SinchClient
from otp_service.sinch.errors import (
    BadCredentials,
    BadRequest,
    BreakerOpen,
    CodeRejected,
    Denied,
    DestinationDenied,
    DuplicateReference,
    NoCredit,
    NotSent,
    Outcome,
    OutcomeUnknown,
    RateLimited,
    Refused,
    SinchError,
    TooManyInFlight,
    Unavailable,
    VerificationExpired,
    VerificationFailed,
    VerificationNotFound,
)
from otp_service.sinch.replies import Price, Reason, Receipt, Report, Status, VerificationStatus
from otp_service.sinch.settings import SinchSettings
from otp_service.sinch.signing import SignedRequest, is_fresh, verify_signature

__all__ = [
    "BadCredentials",
    "BadRequest",
    "BreakerOpen",
    "BreakerState",
    "Channel",
    "CodeRejected",
    "Denied",
    "DestinationDenied",
    "DuplicateReference",
    "NoCredit",
    "NotSent",
    "Outcome",
    "OutcomeUnknown",
    "Price",
    "RateLimited",
    "Reason",
    "Receipt",
    "Refused",
    "Report",
    "SignedRequest",
    "SinchClient",
    "SinchError",
    "SinchSettings",
    "Status",
    "TooManyInFlight",
    "Unavailable",
    "VerificationExpired",
    "VerificationFailed",
    "VerificationNotFound",
    "VerificationStatus",
    "get_client",
    "is_fresh",
    "verify_signature",
]


def get_client() -> SinchClient:
    """The application's client; needs an application context."""
    return cast(SinchClient, current_app.extensions["sinch"])
