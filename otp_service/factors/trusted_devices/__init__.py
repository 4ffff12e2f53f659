"""Devices that are spared the second factor for a while: remember one, recognise it, end them."""

from otp_service.factors.trusted_devices.recognition import recognises, remember
from otp_service.factors.trusted_devices.records import end_all

__all__ = ["end_all", "recognises", "remember"]
