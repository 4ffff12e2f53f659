"""Reads and writes what is remembered of each prefix and client: `fraud_nodes`. Only the folder and a reset write."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, String, and_, cast, delete, func, or_, select

from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.transactions import execute, fetch_all, transaction, upsert
from otp_service.fraud.attempt import Depth
from otp_service.fraud.models import FraudNode
from otp_service.fraud.node import Node

_AT_ONCE = 200
NARROW = (Depth.THOUSAND, Depth.TEN_THOUSAND, Depth.ADDRESS, Depth.NETWORK)
"""Depths of which there may be as many as people. The wider ones are few."""

QUIET_FOR = timedelta(days=2)
"""A narrow node without a send for so long is forgotten: of its failures, a sixty-fourth still counts."""

MOST_NODES = 250_000
"""The most nodes that are kept, which take about 60 MB."""


def read(state: str) -> Node:
    """Return the node that a text stands for. One of another version is forgotten: a send must not fail for it."""
    try:
        return Node.from_text(state)
    except ValueError:
        return Node()


def find(keys: Collection[str]) -> dict[str, Node]:
    """Return the nodes with these keys, those that exist."""
    found: dict[str, Node] = {}
    listed = sorted(keys)
    for start in range(0, len(listed), _AT_ONCE):
        part = listed[start : start + _AT_ONCE]
        rows = fetch_all(select(FraudNode.key, FraudNode.state).where(FraudNode.key.in_(part)))
        found |= {row.key: read(row.state) for row in rows}
    return found


def write(nodes: Mapping[str, Node], *, now: datetime) -> None:
    """Store nodes, in the open transaction."""
    rows = [{"key": key, "state": node.to_text(), "updated_at": now} for key, node in nodes.items()]
    for start in range(0, len(rows), _AT_ONCE):
        statement = upsert(FraudNode).values(rows[start : start + _AT_ONCE])
        changed = {"state": statement.excluded.state, "updated_at": statement.excluded.updated_at}
        execute(statement.on_conflict_do_update(index_elements=["key"], set_=changed))


def count() -> int:
    """Return how many nodes there are."""
    return int(fetch_all(select(func.count()).select_from(FraudNode))[0][0])


def remove(keys: Iterable[str]) -> None:
    """Forget nodes, in the open transaction."""
    execute(delete(FraudNode).where(FraudNode.key.in_(list(keys))))


def keys_below(prefix: str) -> list[str]:
    """Return the keys of the nodes whose numbers all begin with a prefix."""
    below = [FraudNode.key.startswith(f"{depth}:{prefix}", autoescape=True) for depth in _OF_NUMBERS]
    return [row.key for row in fetch_all(select(FraudNode.key).where(or_(*below)))]


_OF_NUMBERS = (
    Depth.THOUSAND, Depth.TEN_THOUSAND, Depth.RANGE, Depth.OPERATOR, Depth.COUNTRY, Depth.NEW_IN_COUNTRY,
)  # fmt: skip


def remove_all() -> int:
    """Forget every node, in the open transaction; return how many."""
    with transaction():
        return int(execute(delete(FraudNode)).rowcount)


def forget_faded(now: datetime) -> int:
    """Delete nodes that decide as new ones do, or nearly; return how many. Keeps MOST_NODES at most."""
    deleted = delete_in_batches(FraudNode, FraudNode.updated_at < now - QUIET_FOR, _is_narrow())
    deleted += _forget_wide(now)
    excess = count() - MOST_NODES
    if excess > 0:
        # The quietest first. An attack that uses each address or block once fills the table with what says nothing.
        oldest = select(FraudNode.updated_at).where(_is_narrow()).order_by(FraudNode.updated_at)
        edge = fetch_all(oldest.offset(excess - 1).limit(1))
        if edge:
            deleted += delete_in_batches(FraudNode, _is_narrow(), FraudNode.updated_at <= edge[0][0])
    return deleted


def _forget_wide(now: datetime) -> int:
    """Delete those of the wide nodes that have faded by their own counts."""
    is_quiet = and_(FraudNode.updated_at < now - QUIET_FOR, ~_is_narrow())
    quiet = fetch_all(select(FraudNode.key, FraudNode.state).where(is_quiet))
    faded = [row.key for row in quiet if read(row.state).is_faded(now.timestamp())]
    for start in range(0, len(faded), _AT_ONCE):
        # The time again: a send may have woken a node since it was read.
        is_it = FraudNode.key.in_(faded[start : start + _AT_ONCE]) & (FraudNode.updated_at < now - QUIET_FOR)
        with transaction():
            execute(delete(FraudNode).where(is_it))
    return len(faded)


def _is_narrow() -> ColumnElement[bool]:
    key = cast(FraudNode.key, String)
    return or_(*(key.startswith(f"{depth}:") for depth in NARROW))
