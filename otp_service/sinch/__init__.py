"""The Sinch client. It knows no database; its errors say what is certain about a call that failed."""

from typing import cast

from otp_service.core.services import services
from otp_service.sinch.adapter import SINCH, SinchProvider
from otp_service.sinch.api_types import DeliveryEvent, Event, RequestEvent, ResultEvent, Subject, summary_of
from otp_service.sinch.client import SinchClient
from otp_service.sinch.errors import BadCredentials, VerificationNotFound
from otp_service.sinch.parsing import parse_event
from otp_service.sinch.price_list import SinchPrices
from otp_service.sinch.signing import SignedRequest, is_fresh, verify_signature

__all__ = [
    "SINCH",
    "BadCredentials",
    "DeliveryEvent",
    "Event",
    "RequestEvent",
    "ResultEvent",
    "SignedRequest",
    "SinchPrices",
    "Subject",
    "VerificationNotFound",
    "get_client",
    "is_fresh",
    "parse_event",
    "summary_of",
    "verify_signature",
]


def get_client() -> SinchClient:
    """Return the application's client. Needs an application context, and Sinch among OTP_PROVIDERS."""
    return cast(SinchProvider, services().providers[SINCH.name]).client
