"""An application that hears the provider's events."""

from tests.webhooks.conftest import listen

__all__ = ["listen"]
