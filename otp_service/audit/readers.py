"""Finds events whose facts cannot be read although no one was erased: their keys were deleted or changed (ADR 48)."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Row

from otp_service.audit.faults import Fault, Kind
from otp_service.audit.subject_keys import open_key
from otp_service.core.crypto.secrets import Unreadable

ERASURES = {"user.deleted", "user.deleted_by_operator"}
"""Events that say that the keys of a user were deleted."""

OF_VERIFICATIONS, VERIFICATION_ERASED = "verification.", "verification.erased"
MOST_KEPT = 20_000


@dataclass(slots=True)
class _Unread:
    count: int
    first: Row[Any]


class Readers:
    """The keys of the events of one verification, as far as they were needed."""

    def __init__(self) -> None:
        self._unread: dict[tuple[str, int | str | None], _Unread] = {}
        self._erased: set[int | str | None] = set()
        # Many events have the same key.
        self._opens = lru_cache(MOST_KEPT)(_opens)

    def look_at(self, row: Row[Any]) -> None:
        """Note whether the key of a chained event is there, and whether it is an erasure."""
        if row.event in ERASURES:
            self._erased.add(row.user_id)
        elif row.event == VERIFICATION_ERASED:
            self._erased.add(OF_VERIFICATIONS)
        if row.key_id is None or (row.sealed_key is not None and self._opens(row.key_id, row.sealed_key)):
            return
        state = "deleted" if row.sealed_key is None else "changed"
        self._unread.setdefault((state, _whose(row)), _Unread(0, row)).count += 1

    def faults(self) -> Iterator[Fault]:
        """Yield one fault for each user, and one for all other events, whose keys are missing without an erasure."""
        for (state, whose), found in self._unread.items():
            # A changed key is never the work of an erasure, which deletes.
            if state == "changed" or whose not in self._erased:
                row = found.first
                owner = "about no user" if row.user_id is None else f"of user {row.user_id}"
                detail = f"the key of {found.count} events {owner} was {state}, not erased: their facts cannot be read"
                yield Fault(Kind.MISSING_KEY, row.shard, row.sequence, row.id, detail)


def _whose(row: Row[Any]) -> int | str | None:
    # Which verification it was cannot be read any more: its id is among the facts.
    if row.user_id is None and row.event.startswith(OF_VERIFICATIONS) and row.event != VERIFICATION_ERASED:
        return OF_VERIFICATIONS
    return row.user_id  # type: ignore[no-any-return]


def _opens(key_id: uuid.UUID, sealed_key: str) -> bool:
    try:
        open_key(key_id, sealed_key)
    except Unreadable:
        return False
    return True
