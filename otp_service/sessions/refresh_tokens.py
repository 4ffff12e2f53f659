"""Refresh tokens: one family a session, each generation derived from the first, so that nothing that opens is stored.

The first of a family is random: `rt_` and 256 bits. Those after it are `<first>.<generation>.<MAC>`, the MAC being
keyed with the service's own keys. The database holds a keyed hash of the first one and the generation that is live:
whoever reads it can make no token, and the service can make the same successor twice.
"""

import hmac
import re
from dataclasses import dataclass

from otp_service.core.crypto.secrets import keyring, new_token

_FAMILY = "refresh token"
_GENERATION = "refresh token generation"
_FORM = re.compile(r"(?P<first>rt_[A-Za-z0-9_-]{43})(?:\.(?P<generation>[1-9][0-9]{0,8})\.(?P<mac>[A-Za-z0-9_-]{43}))?")


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A token of a family; that its MAC is right was checked."""

    first: str
    generation: int

    @property
    def text(self) -> str:
        """As the client holds it."""
        if self.generation == 0:
            return self.first
        signed = f"{self.first}.{self.generation}"
        return f"{signed}.{keyring().digest(signed, purpose=_GENERATION)}"

    @property
    def family_hash(self) -> str:
        """What is stored of the family."""
        return keyring().digest(self.first, purpose=_FAMILY)

    @property
    def family_hashes(self) -> tuple[str, ...]:
        """What may be stored of the family, under each key in use."""
        return keyring().digests(self.first, purpose=_FAMILY)

    def successor(self) -> "RefreshToken":
        """The next generation: the same one, however often it is asked for."""
        return RefreshToken(self.first, self.generation + 1)


def new_family() -> RefreshToken:
    """The first token of a new session."""
    return RefreshToken(new_token("rt"), 0)


def read(text: str) -> RefreshToken | None:
    """The token that a client sent; None for what this service never made. Asks no database."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    if found["generation"] is None:
        return RefreshToken(found["first"], 0)
    signed = f"{found['first']}.{found['generation']}"
    macs = keyring().digests(signed, purpose=_GENERATION)
    if not any(hmac.compare_digest(found["mac"], mac) for mac in macs):
        return None
    return RefreshToken(found["first"], int(found["generation"]))
