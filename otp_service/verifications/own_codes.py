"""The codes that this service makes: drawn here, stored as keyed hashes, and compared here alone (ADR 39)."""

import hmac
import secrets
import uuid

from otp_service.core.crypto.secrets import keyring

DIGITS = 6
_PURPOSE = "otp code of ours"


def draw() -> str:
    """Return a random code."""
    return f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"


def hash_of(code: str, verification_id: uuid.UUID) -> str:
    """Return the keyed hash to store. It is bound to the row: in another row the same code has another hash."""
    return keyring().digest(f"{verification_id}:{code}", purpose=_PURPOSE)


def is_right(code: str, code_hash: str, verification_id: uuid.UUID) -> bool:
    """Return whether a code is the one that was stored, in a time that does not depend on either."""
    digests = keyring().digests(f"{verification_id}:{code}", purpose=_PURPOSE)
    # All of them are compared: which key made the hash must not show in the time.
    return sum(hmac.compare_digest(digest, code_hash) for digest in digests) > 0
