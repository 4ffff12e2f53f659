"""Why a message did not leave."""

from enum import Enum


class Trouble(Enum):
    """What to do about it."""

    REFUSED = "this message will never be taken"
    LATER = "this message may be taken later"
    AWAY = "no message is taken now"


class NotDelivered(Exception):
    """A mail server did not take a message. `reason` names what happened; it holds no address."""

    def __init__(self, reason: str, trouble: Trouble) -> None:
        self.reason = reason
        self.trouble = trouble
        super().__init__(reason)
