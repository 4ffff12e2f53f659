"""Hashes backup codes and compares with them, in the bounded numbers of all password hashes."""

from otp_service.accounts import password_hashing
from otp_service.core.crypto import hashing
from otp_service.core.services import settings
from otp_service.factors.backup_codes.codes import Code

COST = 8
"""bcrypt's. A code has 60 random bits, which no password has, and ten are hashed at once (see ADR 15)."""


def hash_all(drawn: list[Code]) -> list[str]:
    """The hashes of new codes: together less work than one password. Raises SlotsBusy."""
    rounds = cost()
    return password_hashing.bounded(lambda: [hashing.hash_password(code.secret, cost=rounds) for code in drawn])


def matches(code: Code | None, stored: str | None) -> bool:
    """Whether it is the stored one; takes one hash's time also without a code or a hash. Raises SlotsBusy."""
    rounds = cost()
    secret = code.secret if code else ""
    found = password_hashing.bounded(lambda: hashing.verify_password(secret, stored, cost=rounds))
    return found.matches and code is not None


def cost() -> int:
    """As 2**cost rounds, and never more than a password gets."""
    return min(COST, settings().passwords.salt_rounds)
