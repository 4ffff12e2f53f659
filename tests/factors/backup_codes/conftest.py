"""People who have just signed in."""

from tests.sessions.conftest import alice, bob

__all__ = ["alice", "bob"]
