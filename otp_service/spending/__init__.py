"""What codes may cost: the price of each message, and what a day may cost in all (ADR 45)."""

from otp_service.spending.pricing import expected_price

__all__ = ["expected_price"]
