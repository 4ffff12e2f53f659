"""Takes events from before there were chains into a chain, once: from then on they cannot be changed either."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, update
from sqlalchemy.exc import DBAPIError

from otp_service.audit import appending, chain
from otp_service.audit.appending import Said
from otp_service.audit.models import AuditEvent, AuditHead, AuditKey
from otp_service.audit.pruning import NO_RIGHT
from otp_service.audit.subject_keys import SubjectKey, new_key, subject_of
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.transactions import execute, fetch_all, fetch_one, transaction, wait_for_turn

AT_ONCE = 500
"""Rows of one transaction. On SQLite, which has one writer, a request waits a few milliseconds for it."""

_SET = ("at", "event", "user_id", "key_id", "sealed", "signer", "digest", "shard", "sequence", "link", "seal")
_CHANGE = (
    update(AuditEvent)
    .where(AuditEvent.__table__.c.id == bindparam("its_id"))
    .values({name: bindparam(f"new_{name}") for name in _SET})
    .values(ip="", agent="", request_id=None, facts={})
)


class MayNotChange(Exception):
    """The role of the database that runs this has no right to change events."""


def count() -> int:
    """Return how many events are in no chain."""
    return int(fetch_all(select(func.count()).where(AuditEvent.shard.is_(None)))[0][0])


def adopt(on_batch: Callable[[int], None]) -> int:
    """Chain the events that are in no chain, in the order of their ids; return how many.

    What is personal in them is encrypted. Each run has a shard of its own, since a later run may find lower ids. An
    interrupted run does no harm: the next one does what is left. Raises MayNotChange.
    """
    try:
        return _adopt(on_batch)
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", None) == NO_RIGHT:
            raise MayNotChange from error
        raise


def _adopt(on_batch: Callable[[int], None]) -> int:
    newest = fetch_all(select(func.max(AuditHead.shard)))[0][0] or 0
    shard, done = max(chain.ADOPTED, newest + 1), 0
    keys: dict[str, SubjectKey] = {}
    while True:
        with transaction():
            # Another run may add to the same shard: then both go on from where the other one stopped.
            wait_for_turn("audit adoption")
            is_left = AuditEvent.shard.is_(None)
            columns = AuditEvent.__table__.columns
            found = fetch_all(select(*columns).where(is_left).order_by(AuditEvent.id).limit(AT_ONCE))
            if not found:
                return done
            _chain(found, shard, keys)
        done += len(found)
        on_batch(done)


def _chain(found: Sequence[Row[Any]], shard: int, keys: dict[str, SubjectKey]) -> None:
    signing = chain.keys_of(keyring())
    head = fetch_one(select(AuditHead.sequence, AuditHead.link).where(AuditHead.shard == shard))
    sequence, link = (head.sequence, head.link) if head else (0, chain.first_link(shard))
    changes = []
    for row in found:
        said = Said(row.at, row.event, row.user_id, (row.ip, row.agent, row.request_id, row.facts))
        values = appending.signed(said, _key_for(row, keys))
        sequence, link = sequence + 1, chain.next_link(link, sequence + 1, values["digest"])
        seal = chain.seal_of(chain.place_key(signing[values["signer"]], values["digest"]), link)
        place = {"shard": shard, "sequence": sequence, "link": link, "seal": seal}
        changes.append({"its_id": row.id, **{f"new_{name}": value for name, value in {**values, **place}.items()}})
    with transaction() as session:
        session.connection().execute(_CHANGE, changes)
    appending.put_head(shard, sequence, link)


def _key_for(row: Row[Any], keys: dict[str, SubjectKey]) -> SubjectKey:
    subject = subject_of(row.user_id, row.facts.get("verificationId"))
    if subject not in keys:
        # As old as the event: it goes when the event goes.
        keys[subject], added = new_key(subject, now=row.at)
        execute(insert(AuditKey).values(added))
    return keys[subject]
