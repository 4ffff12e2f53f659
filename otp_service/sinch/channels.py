"""The ways in which Sinch brings a code to a phone, and how each is spelt on the wire."""

from enum import StrEnum


class Channel(StrEnum):
    """A way to reach a phone. Found from any spelling (`flashCall`); seamless is not offered: it proves nothing
    to a server, and needs the phone's own data connection.
    """

    SMS = "sms"
    CALLOUT = "callout"
    FLASHCALL = "flashcall"
    WHATSAPP = "whatsapp"

    @classmethod
    def _missing_(cls, value: object) -> "Channel | None":
        wanted = str(value).lower()
        return next((channel for channel in cls if channel.value == wanted), None)

    @property
    def key(self) -> str:
        """The name of this channel's own object in bodies: Sinch writes `flashCall` there, lower case elsewhere."""
        return "flashCall" if self is Channel.FLASHCALL else self.value

    @property
    def proof(self) -> str:
        """What the person reports: a code, or for a flash call the number (`cli`) that rang."""
        return "cli" if self is Channel.FLASHCALL else "code"
