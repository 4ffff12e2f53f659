"""The words for where a message is.

pending --accepted by the mail server--> sent
   |  ^--later--' (tried again, less and less often)
   '--refused for good, or too often--> dead --flask outbox retry--> pending
"""

from enum import StrEnum


class State(StrEnum):
    """Where a message stands."""

    PENDING = "pending"
    SENT = "sent"
    DEAD = "dead"
