"""The Sinch client. It knows no database; its errors say what is certain about a call that failed."""

from otp_service.core.services import services
from otp_service.sinch.api_types import (
    Channel,
    DeliveryEvent,
    Event,
    Price,
    RequestEvent,
    ResultEvent,
    Status,
    Subject,
    VerificationStatus,
    summary_of,
)
from otp_service.sinch.client import SinchClient
from otp_service.sinch.errors import (
    BadCredentials,
    BadRequest,
    CodeRejected,
    DestinationDenied,
    DuplicateReference,
    VerificationExpired,
    VerificationFailed,
    VerificationNotFound,
)
from otp_service.sinch.parsing import parse_event
from otp_service.sinch.settings import SinchSettings
from otp_service.sinch.signing import SignedRequest, is_fresh, verify_signature

__all__ = [
    "BadCredentials",
    "BadRequest",
    "Channel",
    "CodeRejected",
    "DeliveryEvent",
    "DestinationDenied",
    "DuplicateReference",
    "Event",
    "Price",
    "RequestEvent",
    "ResultEvent",
    "SignedRequest",
    "SinchClient",
    "SinchSettings",
    "Status",
    "Subject",
    "VerificationExpired",
    "VerificationFailed",
    "VerificationNotFound",
    "VerificationStatus",
    "get_client",
    "is_fresh",
    "parse_event",
    "summary_of",
    "verify_signature",
]


def get_client() -> SinchClient:
    """Return the application's client. Needs an application context."""
    return services().sinch
