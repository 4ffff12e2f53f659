"""otp_service: verifies that a person holds a phone, and issues tokens for it."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Find `create_app` at its first use (PEP 562).

    Every import of a part of the service runs this file first. It must not load the whole, or the simulator would
    start with it.
    """
    if name == "create_app":
        return import_module("otp_service.application").create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
