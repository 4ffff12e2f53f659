"""Adds rows to the trail: sealed, signed, and linked by the database in the statement that inserts them (ADR 48)."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, LargeBinary, Uuid, bindparam, insert, select, text

from otp_service.audit import chain
from otp_service.audit.models import AuditEvent, AuditHead, AuditKey
from otp_service.audit.subject_keys import SubjectKey, key_for, new_key, subject_of
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.transactions import (
    UtcDateTime,
    execute,
    execute_later,
    fetch_one,
    note_for_transaction,
    noted_for_transaction,
    transaction,
    upsert,
)
from otp_service.core.web.tracing import ClientInfo
from otp_service.extensions import db

AT_ONCE = 1_000
"""Rows of one INSERT."""

_LOCKS = 1_635_083_369
"""The first number of the advisory locks, which tells them from those of `wait_for_turn`."""

# The first shard that no other transaction holds, so no writer ever waits for another one, and none can deadlock. Were
# all of them held, this one would wait for the head of the first. The transaction's end frees it, after a crash too.
_FREE = f"""WITH mine AS (
SELECT coalesce((SELECT n FROM (
  SELECT CASE WHEN i < {chain.SHARDS} THEN mod(:start + i, {chain.SHARDS}) ELSE i END AS n
  FROM generate_series(0, {chain.MOST_SHARDS - 1}) AS i
) AS numbers WHERE pg_try_advisory_xact_lock({_LOCKS}, n) LIMIT 1), :start) AS shard
)"""  # noqa: S608 - our own numbers
_COLUMNS = (
    "at, event, user_id, ip, agent, request_id, facts, key_id, sealed, signer, digest, shard, sequence, link, seal"
)
_VALUES = ":at, :event, :user_id, '', '', NULL, '{}', :key_id, :sealed, :signer, :digest"
_TYPES: tuple[BindParameter[Any], ...] = (
    bindparam("at", type_=UtcDateTime),
    bindparam("key_id", type_=Uuid()),
    *(bindparam(name, type_=LargeBinary()) for name in ("sealed", "digest", "place_key")),
)
_ON_POSTGRESQL = text(
    f"""{_FREE}, head AS (
INSERT INTO audit_heads AS h (shard, sequence, link)
SELECT shard, 1, sha256(sha256(convert_to('otp_service audit shard ' || shard, 'UTF8')) || int8send(1) || :digest)
FROM mine
ON CONFLICT (shard) DO UPDATE
SET sequence = h.sequence + 1, link = sha256(h.link || int8send(h.sequence + 1) || :digest)
RETURNING shard, sequence, link
) INSERT INTO audit_events ({_COLUMNS})
SELECT {_VALUES}, shard, sequence, link, sha256(:place_key || link) FROM head"""  # noqa: S608
).bindparams(*_TYPES)
_HOLD = text(f"{_FREE} SELECT shard FROM mine")  # noqa: S608

# SQLite has one writer at a time, and no INSERT inside another statement.
_HEAD_ON_SQLITE = text(
    "INSERT INTO audit_heads AS h (shard, sequence, link)"
    " VALUES (:start, 1, sha256(sha256(CAST('otp_service audit shard ' || :start AS BLOB)), 1, :digest))"
    " ON CONFLICT (shard) DO UPDATE SET sequence = h.sequence + 1, link = sha256(h.link, h.sequence + 1, :digest)"
).bindparams(bindparam("digest", type_=LargeBinary()))
_ROW_ON_SQLITE = text(
    f"INSERT INTO audit_events ({_COLUMNS})"  # noqa: S608
    f" SELECT {_VALUES}, shard, sequence, link, sha256(:place_key, link) FROM audit_heads WHERE shard = :start"
).bindparams(*_TYPES)


@dataclass(frozen=True, slots=True)
class Said:
    """What an event says. `personal` is the address, the browser, the request's id and the facts."""

    at: datetime
    event: str
    user_id: int | None
    personal: tuple[str, str, str | None, Mapping[str, Any]]


def say(event: str, *, user_id: int | None, client: ClientInfo, at: datetime, facts: Mapping[str, Any]) -> Said:
    """Return what an event says."""
    return Said(at, event, user_id, (client.ip, client.agent, client.request_id, facts))


def add(said: Said, *, subject: str | None = None) -> None:
    """Add a row with the open transaction, under the key of its subject."""
    about = subject or subject_of(said.user_id, said.personal[3].get("verificationId"))
    values = signed(said, key_for(about, now=said.at))
    place_key = chain.place_key(chain.keys_of(keyring())[values["signer"]], values["digest"])
    start = _start()
    if db.engine.dialect.name == "postgresql":
        execute_later(_ON_POSTGRESQL, {**values, "place_key": place_key, "start": start})
        return
    execute_later(_HEAD_ON_SQLITE, {"start": start, "digest": values["digest"]})
    execute_later(_ROW_ON_SQLITE, {**values, "place_key": place_key, "start": start})


def signed(said: Said, key: SubjectKey) -> dict[str, Any]:
    """Return the columns of a row except its place."""
    signer, keys = chain.newest(keyring())
    sealed = key.seal(said.personal)
    digest = chain.digest_of(keys, at=said.at, event=said.event, user_id=said.user_id, key_id=key.id.hex, sealed=sealed)
    return {"at": said.at, "event": said.event, "user_id": said.user_id, "key_id": key.id, "sealed": sealed,
            "signer": signer, "digest": digest}  # fmt: skip


def add_many(listed: Iterable[Said], *, now: datetime) -> None:
    """Add many rows, in one shard and in their order, in the open transaction."""
    shard, link, sequence = _hold_shard()
    keys = chain.keys_of(keyring())
    rows: list[dict[str, Any]] = []
    keys_of_rows: list[dict[str, Any]] = []
    for said in listed:
        key, key_row = new_key(subject_of(said.user_id, None), now=now)
        values = signed(said, key)
        sequence, link = sequence + 1, chain.next_link(link, sequence + 1, values["digest"])
        seal = chain.seal_of(chain.place_key(keys[values["signer"]], values["digest"]), link)
        blank: dict[str, Any] = {"ip": "", "agent": "", "request_id": None, "facts": {}}
        rows.append({**values, **blank, "shard": shard, "sequence": sequence, "link": link, "seal": seal})
        keys_of_rows.append(key_row)
        if len(rows) == AT_ONCE:
            _insert(keys_of_rows, rows)
    _insert(keys_of_rows, rows)
    put_head(shard, sequence, link)


def put_head(shard: int, sequence: int, link: bytes) -> None:
    """Store the head of a shard that the open transaction holds."""
    place = {"sequence": sequence, "link": link}
    if sequence:
        new = upsert(AuditHead).values(shard=shard, **place)
        execute(new.on_conflict_do_update(index_elements=[AuditHead.shard], set_=place))


def _insert(keys: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    if rows:
        with transaction() as session:
            session.connection().execute(insert(AuditKey), keys)
            session.connection().execute(insert(AuditEvent), rows)
    keys.clear()
    rows.clear()


def _hold_shard() -> tuple[int, bytes, int]:
    """Hold a shard until the open transaction ends; return it with its last link and sequence."""
    shard = _start()
    if db.engine.dialect.name == "postgresql":
        shard = int(execute(_HOLD, {"start": shard}).scalar_one())
    head = fetch_one(select(AuditHead.link, AuditHead.sequence).where(AuditHead.shard == shard).with_for_update())
    return (shard, chain.first_link(shard), 0) if head is None else (shard, head.link, head.sequence)


def _start() -> int:
    """Return the shard that the open transaction tries first: the same one for all its rows."""
    start = noted_for_transaction(AuditHead)
    if start is None:
        start = random.randrange(chain.SHARDS)  # noqa: S311 - spreads the load; any shard is as good
        note_for_transaction(AuditHead, start)
    return int(start)
