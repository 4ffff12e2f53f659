"""What codes may cost: the price of each message, and what a day may cost in all (ADR 45)."""

from otp_service.spending.alerts import Passed, warn
from otp_service.spending.charges import Charge
from otp_service.spending.errors import AppSpendLimit, SpendCapReached
from otp_service.spending.ledger import Witness, correct, give_back
from otp_service.spending.money import converted, in_words, units_of
from otp_service.spending.pricing import expected_price, expected_units
from otp_service.spending.reservations import hand_over, reserve

__all__ = [
    "AppSpendLimit",
    "Charge",
    "Passed",
    "SpendCapReached",
    "Witness",
    "converted",
    "correct",
    "expected_price",
    "expected_units",
    "give_back",
    "hand_over",
    "in_words",
    "reserve",
    "units_of",
    "warn",
]
