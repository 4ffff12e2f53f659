"""The backend of these tests."""

from tests.backends.verifications.shops import shop

__all__ = ["shop"]
