"""Reads and writes verifications. Every move between states is one conditional update (ADR 4)."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Select,
    Update,
    Uuid,
    bindparam,
    delete,
    exists,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased

from otp_service import fraud, spending
from otp_service.core import clock
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.rows import Projection
from otp_service.core.database.statements import Given, prepared, prepared_insert
from otp_service.core.database.transactions import execute, execute_later, fetch_all, transaction
from otp_service.providers import Channel, Price
from otp_service.spending import Charge, Witness, expected_price
from otp_service.verifications import limits, owners
from otp_service.verifications.limits import Spending
from otp_service.verifications.models import LONGEST_FAILURE, Verification
from otp_service.verifications.owners import USER_PREFIX
from otp_service.verifications.states import (
    Asker,
    Outcome,
    State,
    is_sign_in_of_verified,
    origins_of,
    require_move,
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A verification as it stood when it was read: plain values, to be carried over a call to the provider."""

    id: uuid.UUID
    owner: str
    bound_to: uuid.UUID | None
    label: str | None
    purpose: str
    provider: str
    channel: str
    phone_number: str
    country: str
    ip: str
    asker: str
    provider_id: str | None
    code_hash: str | None = field(repr=False)
    state: str
    attempts: int
    created_at: datetime
    expires_at: datetime
    spend_units: int | None

    @property
    def reference(self) -> str:
        """The name under which the provider can find it."""
        return str(self.id)

    @property
    def ttl_seconds(self) -> int:
        """How long its code is to be valid, as long as it is reserved."""
        return round((self.expires_at - self.created_at).total_seconds())

    def opened_provider_id(self) -> str:
        """Return the provider's id, decrypted."""
        return keyring().open(self.provider_id or "", context=_context(self.id))

    def via(self) -> Channel:
        """Return the channel."""
        return Channel(self.channel)

    def spending(self) -> Spending:
        """Return what the send used up."""
        return Spending(self.owner, self.phone_number, self.ip, self.purpose, self.asker, self.bound_to)

    def charge(self) -> Charge:
        """Return what it counts in the ledger."""
        return Charge(
            day=clock.day_of(self.created_at),
            provider=self.provider,
            channel=self.via(),
            country=self.country,
            app=owners.find_app(self.owner),
            is_sign_in=is_sign_in_of_verified(self.purpose, self.asker),
            units=self.spend_units or 0,
        )


_SNAPSHOTS = Projection(Snapshot, Verification)
_HANDED_ON = ("owner", "bound_to", "label", "purpose", "phone_number", "country", "ip", "asker", "attempts",
              "created_at", "expires_at")  # fmt: skip
_OUTCOMES = {State.EXPIRED: Outcome.EXPIRED, State.FAILED: Outcome.UNDELIVERED}
_CAN_BE_SUPERSEDED = Verification.state.in_(origins_of(State.SUPERSEDED))
_MOVED_ID = bindparam("moved_id", type_=Uuid)
_add = prepared_insert(Verification)


# Reads


def read(statement: Select[Any], parameters: Mapping[str, Any] | None = None) -> list[Snapshot]:
    """Return the verifications that a statement made from `of_owner` finds."""
    return _SNAPSHOTS.values(fetch_all(statement, parameters))


def of_owner(owner: str | Given) -> Select[Any]:
    """Return a statement for `read`, to be narrowed down: the owner's verifications, newest first."""
    statement = _SNAPSHOTS.select().where(Verification.owner == owner)
    return statement.order_by(Verification.created_at.desc(), Verification.id)


def with_successors(ids: Sequence[uuid.UUID]) -> Select[Any]:
    """Return a statement for `read`: verifications, and those that `hand_on` put in their place."""
    first = aliased(Verification)
    # A successor keeps the owner and the time of the one that it replaces.
    is_of = (first.owner == Verification.owner) & (first.created_at == Verification.created_at)
    return _SNAPSHOTS.select().where(exists().where(first.id.in_(ids), is_of))


def oldest_first(condition: ColumnElement[bool], *, limit: int) -> list[Snapshot]:
    """Return verifications of all owners that meet the condition."""
    return read(_SNAPSHOTS.select().where(condition).order_by(Verification.created_at).limit(limit))


def get(verification_id: uuid.UUID) -> Snapshot:
    """Return one verification as it stands now."""
    return read(_of_id(verification_id))[0]


def find(verification_id: uuid.UUID) -> Snapshot | None:
    """Return one verification, or None."""
    return next(iter(read(_of_id(verification_id))), None)


def find_phone_number(verification_id: uuid.UUID) -> str | None:
    """Return the number that a verification is about; None once it is forgotten."""
    found = find(verification_id)
    return None if found is None else found.phone_number


def _of_id(verification_id: uuid.UUID) -> Select[Any]:
    return _SNAPSHOTS.select().where(Verification.id == verification_id)


# Moves


def reserve(**values: Any) -> Snapshot:
    """Add a verification that is about to be started, in the open transaction that holds its owner."""
    row = {**values, "provider_id": None, "state": State.RESERVED, "attempts": 0}
    execute_later(*_add(**row))
    return Snapshot(**{one.name: row[one.name] for one in fields(Snapshot)})


def lock(verification_id: uuid.UUID) -> None:
    """Queue for a verification, first thing in a transaction that changes it or its attempts.

    Every transaction queues here before it locks an attempt: this avoids a deadlock between parallel checks of one
    code. SQLite queues all writers anyway.
    """
    fetch_all(*_locked(verification_id))


@prepared
def _locked(verification_id: Given) -> Select[Any]:
    return select(Verification.id).where(Verification.id == verification_id).with_for_update()


def end(verification: Snapshot, origin: State, target: State, *, now: datetime) -> bool:
    """Move a verification to an end that the provider or the time brought; return whether this call did it."""
    with transaction():
        if not move(verification.id, origin, target, now=now):
            return False
        if target in _OUTCOMES:
            owners.record_outcome(_OUTCOMES[target], verification, at=now)
        return True


def move(verification_id: uuid.UUID, origin: State, target: State, *, now: datetime, **values: Any) -> bool:
    """Move a verification that still is in `origin`; return whether this call did it.

    One conditional update decides: of any number of racing requests exactly one wins (ADR 4).
    """
    require_move(origin, target)
    if target is not State.SENT:
        values["settled_at"] = now
    with transaction():
        return execute(*_in_state(verification_id, origin, state=target, **values)).rowcount == 1


@prepared
def _in_state(verification_id: Given, state: Given) -> Update:
    return update(Verification).where(Verification.id == verification_id, Verification.state == state)


def mark_sent(
    verification: Snapshot,
    provider_id: str,
    *,
    sent_at: datetime,
    now: datetime,
    ttl_seconds: int | None = None,
    price: Price | None = None,
) -> datetime:
    """Record that the provider accepted the start: from now on this code counts, and the owner's older ones do not.

    Returns when it expires: after `ttl_seconds`, or after the time for which it was reserved.
    """
    sealed = keyring().seal(provider_id, context=_context(verification.id))
    ends = sent_at + timedelta(seconds=ttl_seconds or verification.ttl_seconds)
    sent: dict[str, Any] = {"provider_id": sealed, "sent_at": sent_at, "expires_at": ends}
    if price is not None:
        sent |= {"price_amount": price.total, "price_currency": price.currency}
        sent |= {} if verification.spend_units is None else {"spend_units": spending.converted(price)}
    require_move(State.RESERVED, State.SENT)
    moved = _in_state(verification.id, State.RESERVED, state=State.SENT, **sent)
    with transaction():
        if owners.find_app(verification.owner) is None:
            execute_later(*moved)
        # At once: of two requests that learn of the start, one writes the event (ADR 31).
        elif execute(*moved).rowcount == 1:
            owners.record_outcome(Outcome.SENT, verification, at=now)
        # Not when the newer code was asked for: had its start failed, no code would work (ADR 4).
        superseded = {"state": State.SUPERSEDED, "settled_at": now}
        older = (verification.owner, verification.id, verification.created_at)
        execute_later(*_sent_before(*older, sealed, **superseded))
        if price is not None and verification.spend_units is not None:
            spending.correct(
                verification.charge(), price, was_billed=False, witness=_has_moved(verification.id, sealed)
            )
    return ends


def _has_moved(verification_id: uuid.UUID, provider_id: str) -> Witness:
    """Show that this call moved a verification to `sent`: sealing gives another text each time."""
    sql = "(SELECT count(*) FROM verifications WHERE id = :moved_id AND provider_id = :moved_provider_id)"
    return Witness(sql, (_MOVED_ID,), {"moved_id": verification_id, "moved_provider_id": provider_id})


@prepared
def _sent_before(owner: Given, verification_id: Given, created_at: Given, provider_id: Given) -> Update:
    is_older = (Verification.created_at <= created_at) & (Verification.id != verification_id)
    # Only if this call has just moved the newer one: sealing gives another text each time.
    newer = aliased(Verification)
    has_moved = exists().where(newer.id == verification_id, newer.provider_id == provider_id)
    # A code of ours works before its message is known to have left, and so would outlive the newer one (ADR 39).
    is_ours = (Verification.state == State.RESERVED) & Verification.code_hash.is_not(None)
    is_sent = (Verification.state == State.SENT) | is_ours
    return update(Verification).where(Verification.owner == owner, is_sent, is_older, has_moved)


def mark_undelivered(verification: Snapshot, *, failure: str, now: datetime) -> None:
    """Close a send that brought no message, and give back what it used up. `failure` says why, for operators."""
    with transaction():
        if _fail(verification, failure, now=now):
            give_back(verification, now=now)
            fraud.note(verification.id, fraud.Outcome.UNDELIVERED, at=now)
            owners.record_outcome(Outcome.UNDELIVERED, verification, at=now)


def _fail(verification: Snapshot, failure: str, *, now: datetime, **values: Any) -> bool:
    values["failure"] = failure[:LONGEST_FAILURE]
    return move(verification.id, State.RESERVED, State.UNDELIVERED, now=now, **values)


def note_failure(verification_id: uuid.UUID, failure: str) -> None:
    """Record, for operators, why a message that may still arrive has not."""
    with transaction():
        values = {"failure": failure[:LONGEST_FAILURE]}
        execute(update(Verification).where(Verification.id == verification_id).values(**values))


def note_first_failure(verification_id: uuid.UUID, failure: str) -> bool:
    """Record, for operators, why nothing is known about a message; return whether this call was the first."""
    is_first = (Verification.id == verification_id) & Verification.failure.is_(None)
    with transaction():
        return execute(update(Verification).where(is_first).values(failure=failure[:LONGEST_FAILURE])).rowcount == 1


def give_back(verification: Snapshot, *, now: datetime) -> None:
    """Give back what the send used up, once: the sweep, a check and the send itself may all come here (ADR 4)."""
    is_due = (Verification.id == verification.id) & Verification.given_back_at.is_(None)
    is_counted = verification.spend_units is not None
    values = {"given_back_at": now, "spend_units": 0 if is_counted else None}
    with transaction():
        if execute(update(Verification).where(is_due).values(values)).rowcount == 1:
            limits.give_back_send(verification.spending(), taken_at=verification.created_at)
            if is_counted:
                spending.give_back(verification.charge())


def hand_on(verification: Snapshot, own: Mapping[str, object], *, failure: str, now: datetime) -> Snapshot | None:
    """Close a send that failed, and let a new verification, with values of its `own`, have what it used up (ADR 14).

    The new one keeps the time of the old one, under which the limits counted it. None if another request closed the
    old one meanwhile: that request gave back what it used up.
    """
    values = {**own, "state": State.RESERVED.value}
    names = [*_HANDED_ON, *values]
    table = Verification.__table__.columns
    columns = [literal(values[name], table[name].type) if name in values else table[name] for name in names]
    with transaction():
        # What it counted in the ledger counts for the new one, which the caller hands over (ADR 45).
        is_counted = verification.spend_units is not None
        if not _fail(verification, failure, now=now, **({"spend_units": 0} if is_counted else {})):
            return None
        source = select(*columns).where(Verification.id == verification.id)
        execute(insert(Verification).from_select(names, source))
        successor = get(cast(uuid.UUID, own["id"]))
        price = expected_price(successor.provider, successor.via(), successor.country)
        fraud.hand_on(verification.id, successor.id, channel=successor.channel, price=price)
        return successor


def supersede(*conditions: ColumnElement[bool], now: datetime) -> None:
    """Supersede the live verifications that meet the conditions, in the open transaction: their codes do not work."""
    are_live = (_CAN_BE_SUPERSEDED, *conditions)
    # Newest first, as `mark_sent` locks them: this avoids a deadlock with a send that ends at this moment (ADR 4).
    newest_first = (Verification.created_at.desc(), Verification.id)
    fetch_all(select(Verification.id).where(*are_live).order_by(*newest_first).with_for_update())
    execute(update(Verification).where(*are_live).values(state=State.SUPERSEDED, settled_at=now))


def end_codes(owner: str) -> None:
    """Supersede every code on its way to the owner, in the open transaction."""
    supersede(Verification.owner == owner, now=clock.now())


def end_codes_of_users() -> None:
    """Supersede every code on its way to a user, in the open transaction. Those of backends stay."""
    supersede(Verification.owner.startswith(USER_PREFIX, autoescape=True), now=clock.now())


def end_codes_of_others(phone_number: str, *, owner: str, now: datetime) -> None:
    """Supersede, in the open transaction, what a number's new owner must not share or use.

    These are the codes on their way to the number for anyone else, and to the owner at any other number.
    """
    execute(*_live_besides(phone_number, owner, state=State.SUPERSEDED, settled_at=now))


@prepared
def _live_besides(phone_number: Given, owner: Given) -> Update:
    # An app's code shows its backend who has the phone, whichever account here the number belongs to.
    is_to_it = (Verification.phone_number == phone_number) & (Verification.asker != Asker.BACKEND)
    is_owners = Verification.owner == owner
    return update(Verification).where(_CAN_BE_SUPERSEDED, or_(is_to_it & ~is_owners, is_owners & ~is_to_it))


# Forgetting


def forget(before: datetime) -> int:
    """Delete verifications that were made before a time and are over, with their attempts; return how many."""
    is_over = Verification.state.not_in((State.RESERVED, State.SENT))
    return delete_in_batches(Verification, is_over, Verification.created_at < before)


def forget_owner(owner: str) -> None:
    """Delete an owner's verifications, with their attempts, in the transaction that has deleted the owner.

    In that order: a request that adds a verification holds the owner first, so none can be added after this (ADR 19).
    """
    ids = [row.id for row in fetch_all(select(Verification.id).where(Verification.owner == owner))]
    fraud.disown(ids)
    execute(delete(Verification).where(Verification.owner == owner))
    limits.forget(owner)


def _context(verification_id: uuid.UUID) -> str:
    return f"verifications.provider_id:{verification_id}"
