"""The fraud guard: which messages would only cost money, and rules replayed over past traffic (ADR 46)."""

from otp_service.fraud.attempt import Attempt, Depth, depth_of, keys_of, range_of
from otp_service.fraud.evidence import Evidence
from otp_service.fraud.guard import (
    EXPIRES_AFTER,
    Action,
    Decision,
    Reason,
    Send,
    decide,
    fold_expired,
    fold_refused,
    fold_sent,
    fold_verified,
    fold_withdrawn,
    send_of,
)
from otp_service.fraud.node import Node
from otp_service.fraud.screening import Screening, Wanted
from otp_service.fraud.sends import Outcome, disown, hand_on, note

__all__ = [
    "EXPIRES_AFTER",
    "Action",
    "Attempt",
    "Decision",
    "Depth",
    "Evidence",
    "Node",
    "Outcome",
    "Reason",
    "Screening",
    "Send",
    "Wanted",
    "decide",
    "depth_of",
    "disown",
    "fold_expired",
    "fold_refused",
    "fold_sent",
    "fold_verified",
    "fold_withdrawn",
    "hand_on",
    "keys_of",
    "note",
    "range_of",
    "send_of",
]
