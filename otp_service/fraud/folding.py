"""The folder: brings the nodes up to date with what was sent and what became of it (ADR 47).

One at a time, in one transaction: the nodes learn, and the sends are marked as learned, or neither. A folder that is
killed has folded nothing, and its lock ends with its connection. Decisions need no folder: they look at what waits.
"""

from collections.abc import Sequence
from datetime import datetime

from otp_service.core import clock
from otp_service.core.database.transactions import transaction, try_turn
from otp_service.core.services import settings
from otp_service.fraud import blocks, records, sends
from otp_service.fraud.blocks import Refusal
from otp_service.fraud.guard import Action
from otp_service.fraud.learning import learn
from otp_service.fraud.looking import CLOCKS_APART
from otp_service.fraud.node import Node
from otp_service.fraud.sends import Lesson
from otp_service.fraud.settings import FraudSettings, Mode

BATCH = 500
FOLDED_BY_REQUESTS_FROM = 200
"""So many unlearned sends make a request fold them. With a worker, which folds each second, hardly any wait."""

TURN = "fraud folder"


def run() -> bool:
    """Fold a batch of what waits; True if more may wait. Any number of processes may do so."""
    # A look first: on SQLite a transaction would make all writers wait.
    return bool(sends.count_due(clock.now() + CLOCKS_APART)) and fold() == BATCH


def catch_up() -> None:
    """Fold all that waits, and end the blocks that are over."""
    while run():
        pass
    blocks.end_over(clock.now())


def fold(*, limit: int = BATCH) -> int:
    """Fold up to `limit` sends; return how many. 0 as well if another process folds at this moment."""
    now = clock.now()
    with transaction():
        if not try_turn(TURN):
            return 0
        horizon = now + CLOCKS_APART
        waiting = sends.lessons(now=horizon, limit=limit)
        nodes = records.find({key for lesson in waiting for key in _keys_of(lesson)})
        learn(waiting, nodes, horizon=horizon)
        records.write(nodes, now=now)
        sends.mark_learned(waiting, horizon=horizon)
    _note_recorded(waiting, nodes, now)
    return len(waiting)


def _keys_of(lesson: Lesson) -> Sequence[str]:
    send = lesson.send
    return (*send.counted_at, *send.probed)


def _note_recorded(waiting: Sequence[Lesson], nodes: dict[str, Node], now: datetime) -> None:
    """Note the blocks that FRAUD_MODE=shadow only records: what they would have refused was sent."""
    if settings().of(FraudSettings).mode is not Mode.SHADOW:
        return
    would_refuse = {one.key: one for one in waiting if one.key and one.decision != Action.ALLOW}
    for key, lesson in would_refuse.items():
        evidence = blocks.weighed(lesson.attempt, nodes).get(key)
        if evidence is not None and evidence.is_refusing:
            with transaction():
                blocks.begin(lesson.attempt, Refusal(key, lesson.reason, evidence), is_enforced=False, at=now)
