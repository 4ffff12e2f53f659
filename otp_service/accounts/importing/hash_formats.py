"""Which password hashes can be taken over: those that the sign-in can verify, and nothing else."""

import re

from otp_service.core.crypto.hashing import HIGHEST_COST, LOWEST_COST

_SALT = r"[./A-Za-z0-9]{21}[.Oeu]"  # the salt: its last character carries two bits only
_PLAIN = re.compile(rf"\$2[aby]\$(?P<cost>[0-9]{{2}})\${_SALT}[./A-Za-z0-9]{{31}}")
_PREHASHED = re.compile(rf"\$bcrypt-sha256\$v=2,t=2b,r=(?P<cost>[1-9][0-9]?)\${_SALT}\$[./A-Za-z0-9]{{31}}")


def cost_of(password_hash: str) -> int:
    """The cost of a hash without a fault."""
    found = _PLAIN.fullmatch(password_hash) or _PREHASHED.fullmatch(password_hash)
    return int(found["cost"]) if found else 0


def fault_of(password_hash: str) -> str | None:
    """Why a hash cannot be taken over; None when it can."""
    found = _PLAIN.fullmatch(password_hash) or _PREHASHED.fullmatch(password_hash)
    if found is None:
        return "is of an unknown format (bcrypt's $2a$, $2b$, $2y$ and $bcrypt-sha256$ are known)"
    if not LOWEST_COST <= int(found["cost"]) <= HIGHEST_COST:
        return f"has a cost out of range ({LOWEST_COST} to {HIGHEST_COST})"
    return None
