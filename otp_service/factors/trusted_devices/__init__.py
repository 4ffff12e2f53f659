"""Trusted devices: sign-ins on them skip the second factor until the trust expires or ends."""

from otp_service.factors.trusted_devices.devices import end_all, end_all_of_all, recognize, remember

__all__ = ["end_all", "end_all_of_all", "recognize", "remember"]
