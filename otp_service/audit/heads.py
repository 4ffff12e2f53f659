"""Signed heads: a statement of how long each chain is and how it ends, to be kept where the database's owner is not.

The signature is a JWS (RFC 7515) by Ed25519 (RFC 8037), so that anyone with the public key can verify it offline.
"""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt import InvalidTokenError
from jwt.algorithms import OKPAlgorithm
from sqlalchemy import Connection, select

from otp_service.audit import chain
from otp_service.audit.chain import Keys
from otp_service.audit.models import AuditBase, AuditEvent, AuditHead
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.transactions import fetch_all, fetch_one

log = logging.getLogger("otp_service.audit")
ALGORITHM = "EdDSA"
TYPE = "otp-service-audit-head"
VERSION = 1
_LOGGED = re.compile(r'[0-9:.]+ INFO +audit\.head .*\bsignature="(?P<signature>[\w.-]+)"')


class HeadFault(Exception):
    """A text is no head that this service signed. The text says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """A row of a shard: its number, counted from 1, and its link."""

    sequence: int
    link: bytes


@dataclass(frozen=True, slots=True)
class Published:
    """A head that was signed earlier. `oldest` is the time of the first event then, None if there was none.

    `places` has the end of each shard, `deleted` the newest row of each that was deleted for its age.
    """

    at: datetime
    oldest: datetime | None
    places: dict[int, Place]
    deleted: dict[int, int]


@dataclass(frozen=True, slots=True)
class SignedHead:
    """What `flask audit head` prints. `signature` alone says it all; the rest is for people."""

    at: datetime
    events: int
    oldest: datetime | None
    shards: list[dict[str, Any]]
    public_key: dict[str, str]
    signature: str


def read_heads(connection: Connection | None = None) -> dict[int, Place]:
    """Return the newest row of each shard."""
    statement = select(AuditHead.shard, AuditHead.sequence, AuditHead.link).order_by(AuditHead.shard)
    found = fetch_all(statement) if connection is None else connection.execute(statement).all()
    return {row.shard: Place(row.sequence, row.link) for row in found}


def sign(*, at: datetime) -> SignedHead:
    """Return the present head of every shard, signed by the newest key."""
    signer, keys = chain.newest(keyring())
    based = {row.shard: row.sequence for row in fetch_all(select(AuditBase.shard, AuditBase.sequence))}
    shards = [
        {"shard": shard, "sequence": place.sequence, "link": place.link.hex(), "deletedUpTo": based.get(shard, 0)}
        for shard, place in read_heads().items()
    ]
    events = sum(shard["sequence"] - shard["deletedUpTo"] for shard in shards)
    first = fetch_one(select(AuditEvent.at).order_by(AuditEvent.id).limit(1))
    oldest = None if first is None else first.at
    payload = {"version": VERSION, "at": at.isoformat(), "events": events, "shards": shards,
               "oldest": oldest and oldest.isoformat()}  # fmt: skip
    signature = jwt.encode(payload, _private_key(keys), algorithm=ALGORITHM, headers={"kid": signer, "typ": TYPE})
    return SignedHead(at, events, oldest, shards, public_key(signer, keys), signature)


def log_signed(*, at: datetime) -> None:
    """Write the signed heads to the log, which is often kept where the database's owner cannot change it."""
    head = sign(at=at)
    log.info("audit.head", extra={"events": head.events, "signature": head.signature})


def public_key(signer: str, keys: Keys) -> dict[str, str]:
    """Return the key that verifies signatures, as a JWK."""
    made: dict[str, str] = OKPAlgorithm.to_jwk(_private_key(keys).public_key(), as_dict=True)
    return {**made, "kid": signer, "alg": ALGORITHM, "use": "sig"}


def read_signed(text: str, keys: Mapping[str, Keys]) -> list[Published]:
    """Return the heads that `sign` made earlier: one JSON object, or one in each line. Raises HeadFault."""
    found = [_read(said, keys) for said in _objects(text)]
    if not found:
        raise HeadFault("it has no head at all")
    return found


def _objects(text: str) -> list[Any]:
    try:
        return [json.loads(text)]
    except ValueError:
        pass
    try:
        lines = [line for line in text.splitlines() if line.strip()]
        # A log has other lines, too. If no line is signed, all of them show what is wrong with the file.
        return [_object(line) for line in filter(_is_signed, lines)] or [_object(line) for line in lines]
    except ValueError as error:
        raise HeadFault("it is not what `flask audit head` prints") from error


def _is_signed(line: str) -> bool:
    return _LOGGED.match(line) is not None or '"signature":' in line


def _object(line: str) -> Any:
    """Read a line of `flask audit head` or of the log, in either LOG_FORMAT."""
    logged = _LOGGED.match(line)
    return {"signature": logged["signature"]} if logged else json.loads(line)


def _read(said: Any, keys: Mapping[str, Keys]) -> Published:
    try:
        signature = said["signature"]
        signer = str(jwt.get_unverified_header(signature).get("kid"))
        if signer not in keys:
            raise HeadFault(f"it was signed by the key {signer}, which this installation does not have")
        head = jwt.decode(signature, _private_key(keys[signer]).public_key(), algorithms=[ALGORITHM])
        shards, oldest = head["shards"], head.get("oldest")
        return Published(
            datetime.fromisoformat(head["at"]),
            None if oldest is None else datetime.fromisoformat(oldest),
            {one["shard"]: Place(one["sequence"], bytes.fromhex(one["link"])) for one in shards},
            {one["shard"]: one["deletedUpTo"] for one in shards},
        )
    except InvalidTokenError as error:
        raise HeadFault(f"its signature is not valid ({error})") from error
    except (KeyError, TypeError) as error:
        raise HeadFault("it is not what `flask audit head` prints") from error


def _private_key(keys: Keys) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(keys.signing)
