"""Takes events from before there were chains into a chain, once: from then on they cannot be changed either."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.exc import DBAPIError

from otp_service.audit import appending, bases, chain, trail
from otp_service.audit.appending import Said
from otp_service.audit.models import AuditBase, AuditEvent, AuditHead, AuditKey
from otp_service.audit.pruning import NO_RIGHT
from otp_service.audit.signers import OF_THE_TRAIL
from otp_service.audit.subject_keys import USED_FOR, SubjectKey, new_key, subject_of
from otp_service.core import clock
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.transactions import execute, fetch_all, fetch_one, transaction, wait_for_turn

AT_ONCE = 500
"""Rows of one transaction. On SQLite, which has one writer, a request waits a few milliseconds for it."""

DESPITE_DOUBTS = "audit.adopted_despite_doubts"
LISTED = 20
"""Doubtful events that are listed."""

_SET = ("at", "event", "user_id", "key_id", "sealed", "signer", "digest", "shard", "sequence", "link", "seal")
_CHANGE = (
    update(AuditEvent)
    .where(AuditEvent.__table__.c.id == bindparam("its_id"))
    .values({name: bindparam(f"new_{name}") for name in _SET})
    .values(ip="", agent="", request_id=None, facts={})
)


class MayNotChange(Exception):
    """The role of the database that runs this has no right to change events."""


class Doubtful(Exception):
    """Events are in no chain that are no older than the chains. `events` has the first ones, `count` says how many."""

    def __init__(self, count: int, events: Sequence[Row[Any]]) -> None:
        super().__init__(f"{count} events in no chain are no older than the chains")
        self.count, self.events = count, events


def adopt(on_batch: Callable[[int], None], *, despite_doubts: bool = False) -> int:
    """Chain the events that are in no chain, in the order of their ids; return how many.

    What is personal in them is encrypted. Each run has a shard of its own, since a later run may find lower ids. An
    interrupted run does no harm: the next one does what is left. Raises MayNotChange, and Doubtful for events that an
    intruder may have added, unless they are to be adopted, too: then an event of its own says so.
    """
    try:
        _look_for_doubts(despite_doubts=despite_doubts)
        adopted = _adopt(on_batch)
        bases.note_if_all_are_chained()
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", None) == NO_RIGHT:
            raise MayNotChange from error
        raise
    return adopted


def _look_for_doubts(*, despite_doubts: bool) -> None:
    is_doubtful = _which_are_doubtful()
    id_ = AuditEvent.id
    many, low, high = fetch_all(select(func.count(), func.min(id_), func.max(id_)).where(is_doubtful))[0]
    if many and not despite_doubts:
        columns = (id_, AuditEvent.at, AuditEvent.event, AuditEvent.user_id)
        raise Doubtful(many, fetch_all(select(*columns).where(is_doubtful).order_by(id_).limit(LISTED)))
    if many:
        facts = {"events": many, "firstId": low, "lastId": high}
        with transaction():
            trail.record(DESPITE_DOUBTS, user_id=None, client=trail.COMMAND_LINE, at=clock.now(), **facts)


def _which_are_doubtful() -> ColumnElement[bool]:
    is_outside = AuditEvent.shard.is_(None)
    if fetch_one(select(AuditBase.shard).limit(1)) is not None or _has_lost_all_heads():
        return is_outside
    # As `flask audit verify` accepts them before the first adoption: older than every chained event. An adoption that
    # was interrupted took the oldest ones, so what it left is newer than all that it took.
    first = select(func.min(AuditEvent.id)).where(AuditEvent.shard < chain.ADOPTED).scalar_subquery()
    adopted = select(func.max(AuditEvent.id)).where(AuditEvent.shard >= chain.ADOPTED).scalar_subquery()
    return and_(is_outside, or_(AuditEvent.id > first, AuditEvent.id < adopted, AuditEvent.id <= 0))


def _has_lost_all_heads() -> bool:
    is_of_events = AuditKey.subject.not_like(f"{OF_THE_TRAIL}%")
    has_head = fetch_one(select(AuditHead.shard).limit(1)) is not None
    return not has_head and fetch_one(select(AuditKey.id).where(is_of_events).limit(1)) is not None


def _adopt(on_batch: Callable[[int], None]) -> int:
    newest = fetch_all(select(func.max(AuditHead.shard)))[0][0] or 0
    shard, done = max(chain.ADOPTED, newest + 1), 0
    keys: dict[str, SubjectKey] = {}
    while True:
        with transaction():
            # Another run may add to the same shard: then both go on from where the other one stopped.
            wait_for_turn(bases.UPKEEP)
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
    if subject not in keys or not timedelta(0) <= row.at - keys[subject].made_at < USED_FOR:
        # As old as the event, and used for a day as others are: it goes when its events go, and not before.
        keys[subject], added = new_key(subject, now=row.at)
        execute(insert(AuditKey).values(added))
    return keys[subject]
