"""The person with a session of their own, as in the tests of sessions."""

from tests.sessions.conftest import alice

__all__ = ["alice"]
