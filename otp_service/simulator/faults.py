"""The misbehaviour a simulator can be told to show, and when it bites."""

import threading
from dataclasses import dataclass, replace
from enum import StrEnum

FAULTS_KEPT = 100
DEFAULT_SECONDS = {"latency": 1.0, "stall": 30.0}


class Kind(StrEnum):
    """What goes wrong."""

    LATENCY = "latency"
    STATUS = "status"
    STALL = "stall"
    GARBAGE = "garbage"
    HALF_BODY = "half_body"
    RESET = "reset"
    REDIRECT = "redirect"
    DENIED = "denied"
    CALLBACK_LOST = "callback_lost"
    CALLBACK_TWICE = "callback_twice"

    @property
    def is_of_callbacks(self) -> bool:
        """Whether it spoils events instead of answers."""
        return self in (Kind.CALLBACK_LOST, Kind.CALLBACK_TWICE)


class Phase(StrEnum):
    """Before the call is carried out, or after it, when only the answer is spoiled."""

    BEFORE = "before"
    AFTER = "after"


_AFTER = (Kind.GARBAGE, Kind.HALF_BODY, Kind.RESET, Kind.STALL)


def default_phase(kind: Kind) -> Phase:
    """Transport faults lose the answer of a call that was carried out; the others prevent the call."""
    return Phase.AFTER if kind in _AFTER else Phase.BEFORE


@dataclass(frozen=True)
class Fault:
    """One fault. `operation` is start, report, status or any; `times` counts down, None lasts until cleared."""

    kind: Kind
    operation: str = "any"
    number: str | None = None
    seconds: float | None = None
    status_code: int | None = None
    times: int | None = None
    phase: Phase = Phase.BEFORE

    def bites(self, operation: str, number: str | None) -> bool:
        """Whether a call of `operation` for `number` meets this fault."""
        return self.operation in ("any", operation) and self.number in (None, number)

    @property
    def wait_seconds(self) -> float:
        """How long it waits, where it waits."""
        return DEFAULT_SECONDS.get(self.kind.value, 0.0) if self.seconds is None else self.seconds


@dataclass(frozen=True)
class Taken:
    """The faults one call met, and the event that frees it from waiting."""

    faults: tuple[Fault, ...]
    release: threading.Event


class FaultBox:
    """The faults that are set. A call takes every latency it meets and the oldest of the other kinds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._release = threading.Event()

    def add(self, fault: Fault) -> None:
        """Set a fault; one for the same calls, of the same kind and phase, is replaced."""
        with self._lock:
            kept = [known for known in self._faults if _same_calls(known) != _same_calls(fault)]
            self._faults = [*kept, fault][-FAULTS_KEPT:]

    def all(self) -> list[Fault]:
        """The faults that are set, oldest first."""
        with self._lock:
            return list(self._faults)

    def clear(self) -> None:
        """Unset all, and let go on every call that a fault is holding."""
        with self._lock:
            self._faults = []
            self._release.set()
            self._release = threading.Event()

    def take(self, operation: str, number: str | None) -> Taken:
        """What a call meets; each fault that bites has one time less left."""
        with self._lock:
            matching = [
                fault for fault in self._faults if not fault.kind.is_of_callbacks and fault.bites(operation, number)
            ]
            waits = [fault for fault in matching if fault.kind is Kind.LATENCY]
            others = [fault for fault in matching if fault.kind is not Kind.LATENCY]
            taken = (*waits, *others[:1])
            self._count_down(taken)
            return Taken(taken, self._release)

    def take_callback(self, operation: str, number: str) -> Kind | None:
        """What happens to an event about `number`, if anything."""
        with self._lock:
            for fault in self._faults:
                if fault.kind.is_of_callbacks and fault.bites(operation, number):
                    self._count_down((fault,))
                    return fault.kind
            return None

    def _count_down(self, taken: tuple[Fault, ...]) -> None:
        for fault in taken:
            if fault.times is None:
                continue
            place = self._faults.index(fault)
            if fault.times <= 1:
                del self._faults[place]
            else:
                self._faults[place] = replace(fault, times=fault.times - 1)


def _same_calls(fault: Fault) -> tuple[Kind, str, str | None, Phase]:
    return fault.kind, fault.operation, fault.number, fault.phase
