"""Password hashes: passlib's `$bcrypt-sha256$` version 2, plain bcrypt for imported users, in equal time for all."""

import base64
import hmac
import re
import secrets
import time
import unicodedata
from dataclasses import dataclass

import bcrypt

LOWEST_COST = 4  # bcrypt's own
HIGHEST_COST = 15  # about 2 s a hash; a stored hash above it is rejected, or one row could block the service
LONGEST_PASSWORD = 1024  # code points; far above any policy. NFC takes quadratic time, so this is checked before it

_BCRYPT_BYTES = 72  # all that bcrypt reads
_SALT = r"(?P<salt>[./A-Za-z0-9]{21}[.Oeu])"  # 128 bits: the last character carries two of them
_DIGEST = r"(?P<digest>[./A-Za-z0-9]{31})"
_PREHASHED = re.compile(rf"\$bcrypt-sha256\$v=2,t=2b,r=(?P<cost>[1-9]\d?)\${_SALT}\${_DIGEST}", re.ASCII)
_PLAIN = re.compile(rf"\$2[aby]\$(?P<cost>\d\d)\${_SALT}{_DIGEST}", re.ASCII)
_DUMMY_SALT = "." * 22

PATTERN = (
    r"^(\$bcrypt-sha256\$v=2,t=2b,r=([4-9]|1[0-5])\$[./A-Za-z0-9]{21}[.Oeu]\$"
    r"|\$2[aby]\$(0[4-9]|1[0-5])\$[./A-Za-z0-9]{21}[.Oeu])[./A-Za-z0-9]{31}$"
)
"""The hashes that `verify_password` knows, for the OpenAPI document."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a password matched, and whether its hash is due for a new one."""

    matches: bool
    needs_upgrade: bool


@dataclass(frozen=True, slots=True)
class _StoredHash:
    cost: int
    salt: str
    digest: str
    is_plain: bool


_NO_MATCH = Verification(matches=False, needs_upgrade=False)


def normalize(password: str) -> str:
    """Return the password in Unicode's NFC, so that it is the same from every keyboard; it is not changed otherwise.

    Raises ValueError above LONGEST_PASSWORD code points.
    """
    if len(password) > LONGEST_PASSWORD:
        raise ValueError("password too long to normalise")
    return unicodedata.normalize("NFC", password)


def hash_password(password: str, *, cost: int) -> str:
    """Return a new hash at 2**cost rounds, in which every byte of the password counts (bcrypt alone reads 72).

    Raises ValueError above LONGEST_PASSWORD code points, or for a cost outside LOWEST_COST to HIGHEST_COST.
    """
    _check_cost(cost)
    secret = _to_bytes(password)
    salt = bcrypt.gensalt(cost).decode()[-22:]
    return f"$bcrypt-sha256$v=2,t=2b,r={cost}${salt}${_digest(_prehash(secret, salt), salt, cost)}"


def verify_password(password: str, stored: str | None, *, cost: int) -> Verification:
    """Compare with a stored hash (None for an unknown user) in the time of one hash at `cost`, match or not.

    A password that Unicode's NFC changes takes two: it is compared in NFC, and as it was typed (see `_forms`).
    `cost` is that of new hashes. A failed comparison with a cheaper stored hash takes as long as one at `cost`, so
    its time does not reveal an imported user, or that there is no user. A malformed hash matches no password. Only a
    stored hash of a higher cost takes longer, until its owner signs in and gets a new one; an import reports how many
    there are, and which cost would hide them. Raises ValueError for a `cost` outside LOWEST_COST to HIGHEST_COST.
    """
    _check_cost(cost)
    known = _parse(stored) if stored and len(password) <= LONGEST_PASSWORD else None
    # All forms in any case: how long it takes depends on what was typed, and shows neither whether there is a user or
    # an imported hash, nor which form was right.
    is_right = [_is_right(form, known, cost) for form in _forms(password)]
    if known is None or not any(is_right):
        return _NO_MATCH
    needs_upgrade = known.is_plain or known.cost != cost or not is_right[0]
    return Verification(matches=True, needs_upgrade=needs_upgrade)


def _forms(password: str) -> list[bytes]:
    """Return the password in NFC and, if that changes it, as it was typed as well.

    Other systems hash what was typed. A hash that was imported from one may be of a form that NFC never gives.
    """
    if len(password) > LONGEST_PASSWORD:
        return [b""]
    return list(dict.fromkeys((_to_bytes(password), password.encode("utf-8", "surrogatepass"))))


def _is_right(secret: bytes, known: _StoredHash | None, cost: int) -> bool:
    if known is None:
        _digest(b"", _DUMMY_SALT, cost)
        return False
    key = secret[:_BCRYPT_BYTES] if known.is_plain else _prehash(secret, known.salt)
    if hmac.compare_digest(_digest(key, known.salt, known.cost), known.digest):
        return True
    for missing_cost in range(known.cost, cost):  # 2^c + (2^c + 2^(c+1) + ... + 2^(cost-1)) = 2^cost rounds
        _digest(key, _DUMMY_SALT, missing_cost)
    return False


def estimate_seconds(cost: int) -> float:
    """Return about how long a hash at `cost` takes on this machine, from a few much cheaper ones."""
    cheap = min(cost, LOWEST_COST + 2)
    times = []
    for _ in range(3):
        # Of the processor's time: in a burst, other threads would lengthen so short a hash many times.
        started = time.thread_time()
        _digest(b"", _DUMMY_SALT, cheap)
        times.append(time.thread_time() - started)
    return float(min(times) * 2 ** (cost - cheap))


def cost_of(stored: str) -> int | None:
    """Return the cost of a hash in a format that `verify_password` knows, and None for any other text."""
    found = _PREHASHED.fullmatch(stored) or _PLAIN.fullmatch(stored)
    return int(found["cost"]) if found else None


def fault_of(stored: str) -> str | None:
    """Return why no sign-in could verify a hash from another system, as the end of a sentence; None if one can."""
    cost = cost_of(stored)
    if cost is None:
        return "has an unknown format (supported are bcrypt's $2a$, $2b$, $2y$ and $bcrypt-sha256$)"
    if not LOWEST_COST <= cost <= HIGHEST_COST:
        return f"has a cost out of range ({LOWEST_COST} to {HIGHEST_COST})"
    return None


def of_no_password() -> str:
    """Return a hash of the lowest cost that no known password has, for a user who is to set the first one.

    Its digest is random. It has the form of any other hash, so a comparison takes as long, and an export is complete.
    """
    return bcrypt.gensalt(LOWEST_COST).decode() + secrets.token_hex(16)[:31]


def _check_cost(cost: int) -> None:
    if not LOWEST_COST <= cost <= HIGHEST_COST:
        raise ValueError(f"bcrypt cost must be {LOWEST_COST} to {HIGHEST_COST}")


def _parse(stored: str) -> _StoredHash | None:
    prehashed = _PREHASHED.fullmatch(stored)
    found = prehashed or _PLAIN.fullmatch(stored)
    if found is None or not LOWEST_COST <= int(found["cost"]) <= HIGHEST_COST:
        return None
    return _StoredHash(int(found["cost"]), found["salt"], found["digest"], is_plain=prehashed is None)


def _to_bytes(password: str) -> bytes:
    # A lone surrogate is no character and cannot arrive in JSON, but it must not raise an error here either.
    return normalize(password).encode("utf-8", "surrogatepass")


def _prehash(secret: bytes, salt: str) -> bytes:
    """Return 44 bytes without NUL that depend on all of the secret. Keyed, so that a leaked plain SHA-256 is no use."""
    return base64.b64encode(hmac.digest(salt.encode(), secret, "sha256"))


def _digest(key: bytes, salt: str, cost: int) -> str:
    return bcrypt.hashpw(key, f"$2b${cost:02}${salt}".encode())[-31:].decode()
