"""What can go wrong with a trusted device."""

from otp_service.core.errors import NotFound


class DeviceNotFound(NotFound):
    """None of the caller's trusted devices has this id."""

    code = "device_not_found"
    title = "Device not found."
