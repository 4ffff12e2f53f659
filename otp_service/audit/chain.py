"""How the rows of the trail are linked, so that a changed, missing, added or moved row is found. Pure rules (ADR 48).

A row has three values. Its `digest` covers what it says, under a key of the service. Its `link` covers the link of the
row before it in its shard, its place there and its digest; anyone can compute it. Its `seal` covers the link under a
key that this one digest has, so that the owner of the database cannot compute the links of other places.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import orjson

from otp_service.core.crypto.secrets import Keyring

SHARDS = 32
"""Chains that writers choose from. One that finds all of them held opens another."""

MOST_SHARDS = 256
ADOPTED = 1_024
"""The shards from this number on have the rows that were written before there were chains."""

PURPOSE = "audit trail"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that one encryption key has for the trail. `root` is the key that they are derived from."""

    root: bytes
    rows: bytes
    places: bytes
    bases: bytes
    signing: bytes


@lru_cache(maxsize=64)
def keys_from(root: bytes) -> Keys:
    """Return the keys that are derived from a root."""
    return Keys(root, *(hmac.digest(root, label, hashlib.sha256) for label in (b"rows", b"places", b"bases", b"heads")))


def keys_of(keyring: Keyring) -> Mapping[str, Keys]:
    """Return the keys in use by the ids of their encryption keys, the newest first."""
    return {key_id: keys_from(root) for key_id, root in keyring.derived(PURPOSE).items()}


def newest(keyring: Keyring) -> tuple[str, Keys]:
    """Return the key that signs from now on, with its id."""
    return next(iter(keys_of(keyring).items()))


def microseconds(at: datetime) -> int:
    """Return a time as microseconds since 1970: without the rounding of a float."""
    return (at - _EPOCH) // _MICROSECOND


def digest_of(keys: Keys, *, at: datetime, event: str, user_id: int | None, key_id: str, sealed: bytes) -> bytes:
    """Return the digest of what a row says. `key_id` is that of the person's key, in hexadecimal digits."""
    # JSON has no NUL, so where it ends and the sealed part begins is certain.
    said = orjson.dumps([microseconds(at), event, user_id, key_id])
    return hmac.digest(keys.rows, said + b"\0" + sealed, hashlib.sha256)


def first_link(shard: int) -> bytes:
    """Return what the first row of a shard is linked to."""
    return hashlib.sha256(f"otp_service audit shard {shard}".encode()).digest()


def next_link(before: bytes, sequence: int, digest: bytes) -> bytes:
    """Return the link of a row: the SHA-256 of the link before, the place in 8 bytes, and the digest."""
    return hashlib.sha256(before + sequence.to_bytes(8) + digest).digest()


def place_key(keys: Keys, digest: bytes) -> bytes:
    """Return the key that seals the place of one row. The database gets it with the row, and does not store it."""
    return hmac.digest(keys.places, digest, hashlib.sha256)


def seal_of(key: bytes, link: bytes) -> bytes:
    """Return the seal of a row by its place key. All lengths are fixed, so the hash cannot be extended."""
    return hashlib.sha256(key + link).digest()


def base_seal(keys: Keys, *, shard: int, sequence: int, link: bytes) -> bytes:
    """Return the seal of a shard's base: all rows up to this place were deleted by the service, for their age."""
    return hmac.digest(keys.bases, orjson.dumps([shard, sequence]) + b"\0" + link, hashlib.sha256)
