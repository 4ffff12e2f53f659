"""Folds what became of sends into nodes, in the order of time: for the folder, and for one decision (ADR 47)."""

from collections.abc import Collection, Iterable, MutableMapping

from otp_service.fraud import sends
from otp_service.fraud.guard import Send, fold_sent, fold_verified, fold_withdrawn
from otp_service.fraud.node import Node
from otp_service.fraud.sends import Learned, Lesson


def learn(waiting: Iterable[Lesson], nodes: MutableMapping[str, Node], *, only: Collection[str] | None = None) -> None:
    """Fold sends and what became of them into nodes; missing nodes are made. With `only`, other keys are left out."""
    for at, what, whole in sends.moments(waiting):
        send = whole if only is None else _narrowed(whole, only)
        if what is Learned.SENT:
            fold_sent(send, nodes)
        elif what is Learned.VERIFIED:
            fold_verified(send, at, nodes)
        else:
            fold_withdrawn(send, at, nodes)


def _narrowed(send: Send, only: Collection[str]) -> Send:
    probed = tuple([key for key in send.probed if key in only]) if send.probed else ()
    return Send(send.at, tuple([key for key in send.counted_at if key in only]), probed)
