"""What was asked of the simulator: every provider call, in the order of arrival."""

import threading
from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

CALLS_KEPT = 20_000


class Operation(StrEnum):
    """What a provider call wants."""

    START = "start"
    REPORT = "report"
    STATUS = "status"
    SEAMLESS = "seamless"
    REDIRECTED = "redirected"


@dataclass(frozen=True)
class Call:
    """A call as it arrived, whatever came of it; `number` is None where the call names nobody known."""

    operation: Operation
    number: str | None
    at: datetime
    verb: str
    path: str
    has_credentials: bool


class CallLog:
    """The last calls, and how many there were of each operation since the last clearing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[Call] = deque(maxlen=CALLS_KEPT)
        self._counts: Counter[str] = Counter()

    def add(self, call: Call) -> None:
        """Note a call."""
        with self._lock:
            self._calls.append(call)
            self._counts[call.operation.value] += 1

    def all(self) -> list[Call]:
        """The calls, oldest first."""
        with self._lock:
            return list(self._calls)

    def counts(self) -> dict[str, int]:
        """How many calls of each operation arrived."""
        with self._lock:
            return {operation.value: self._counts[operation.value] for operation in Operation}

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._calls.clear()
            self._counts.clear()
