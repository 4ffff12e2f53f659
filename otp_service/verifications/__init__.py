"""The one-time code on the phone: send it, prove it, redeem the proof once."""

from otp_service.verifications.checking import Proof, prove
from otp_service.verifications.destinations import CHANNELS
from otp_service.verifications.ledger import end_codes, end_of_number
from otp_service.verifications.redeeming import redeem
from otp_service.verifications.sending import Delivery, Recipient, send
from otp_service.verifications.states import Purpose

__all__ = [
    "CHANNELS",
    "Delivery",
    "Proof",
    "Purpose",
    "Recipient",
    "end_codes",
    "end_of_number",
    "prove",
    "redeem",
    "send",
]
