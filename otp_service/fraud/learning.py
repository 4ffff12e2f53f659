"""Folds what became of sends into nodes, in the order of time: for the folder, and for one decision (ADR 47)."""

from collections.abc import Collection, Iterable, MutableMapping
from datetime import datetime

from otp_service.fraud import sends
from otp_service.fraud.guard import Send, fold_expired, fold_refused, fold_sent, fold_verified, fold_withdrawn
from otp_service.fraud.node import Node
from otp_service.fraud.sends import Learned, Lesson


def learn(
    waiting: Iterable[Lesson],
    nodes: MutableMapping[str, Node],
    *,
    horizon: datetime,
    only: Collection[str] | None = None,
) -> None:
    """Fold sends, refusals and outcomes up to a time into nodes; missing nodes are made. `only` names keys to fold."""
    for at, what, whole, times in sends.moments(waiting, horizon=horizon):
        send = whole if only is None else _narrowed(whole, only)
        match what:
            case Learned.SENT:
                fold_sent(send, nodes)
            case Learned.REFUSED:
                _fold_refused(send, times, nodes)
            case Learned.VERIFIED:
                fold_verified(send, at, nodes)
            case Learned.EXPIRED:
                fold_expired(send, at, nodes)
            case _:
                fold_withdrawn(send, at, nodes)


def _fold_refused(send: Send, times: int, nodes: MutableMapping[str, Node]) -> None:
    """Fold the refusals that one row counts, in one step: a flood makes them many, and a decision waits for them."""
    if times > 0:
        fold_refused(send, nodes)
        for key in send.counted_at:
            nodes[key].add_refused(times - 1)


def _narrowed(send: Send, only: Collection[str]) -> Send:
    probed = tuple([key for key in send.probed if key in only]) if send.probed else ()
    return Send(send.at, tuple([key for key in send.counted_at if key in only]), probed)
