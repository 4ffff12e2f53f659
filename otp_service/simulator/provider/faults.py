"""Faults: what can go wrong on request, which calls meet a fault, and how a fault is written in JSON."""

import threading
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from otp_service.simulator.http.errors import invalid_parameter
from otp_service.simulator.provider.request_bodies import parse_number

FAULT_HEADER = "x-simulator-fault"
FAULTS_KEPT = 100  # a test that only ever sets faults must not slow down every call
DEFAULT_SECONDS = {"latency": 1.0, "stall": 30.0}
LONGEST_SECONDS = 86_400
GATEWAY = "gateway"
OPERATIONS = ("start", "report", "status", "any", GATEWAY)
REDIRECT_CODES = (301, 302, 303, 307, 308)


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
        """Whether it concerns events instead of responses."""
        return self in (Kind.CALLBACK_LOST, Kind.CALLBACK_TWICE)


class Phase(StrEnum):
    """Before the call is carried out, or after it, when only the response is lost."""

    BEFORE = "before"
    AFTER = "after"


_AFTER = (Kind.GARBAGE, Kind.HALF_BODY, Kind.RESET, Kind.STALL)


@dataclass(frozen=True)
class Fault:
    """One fault. `times` counts down; None lasts until cleared.

    `operation` is start, report, status, any of these three, or gateway: trouble at Sinch leaves the gateway alone.
    """

    kind: Kind
    operation: str = "any"
    number: str | None = None
    seconds: float | None = None
    status_code: int | None = None
    times: int | None = None
    phase: Phase = Phase.BEFORE

    def concerns(self, operation: str, number: str | None) -> bool:
        """Return whether a call of `operation` for `number` meets this fault."""
        is_it = self.operation == operation or (self.operation == "any" and operation != GATEWAY)
        return is_it and self.number in (None, number)

    @property
    def wait_seconds(self) -> float:
        """How long it waits, if its kind waits."""
        return DEFAULT_SECONDS.get(self.kind.value, 0.0) if self.seconds is None else self.seconds


@dataclass(frozen=True)
class Taken:
    """The faults that one call met, and the event that ends their waits."""

    faults: tuple[Fault, ...]
    release: threading.Event


class FaultBox:
    """The faults that are set. A call meets every latency that fits, and the oldest other fault that fits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._release = threading.Event()

    def add(self, fault: Fault) -> None:
        """Set a fault. It replaces one of the same kind and phase for the same calls."""
        with self._lock:
            kept = [known for known in self._faults if _identity(known) != _identity(fault)]
            self._faults = [*kept, fault][-FAULTS_KEPT:]

    def all(self) -> list[Fault]:
        """Return the faults that are set, oldest first."""
        with self._lock:
            return list(self._faults)

    def clear(self) -> None:
        """Unset all faults and release every call that one of them holds."""
        with self._lock:
            self._faults = []
            self._release.set()
            self._release = threading.Event()  # the set one stays with the calls that wait for it

    def take(self, operation: str, number: str | None) -> Taken:
        """Return what a call meets. Of parallel calls, a fault with `times` is met by exactly that many."""
        with self._lock:
            matching = [
                fault for fault in self._faults if not fault.kind.is_of_callbacks and fault.concerns(operation, number)
            ]
            waits = [fault for fault in matching if fault.kind is Kind.LATENCY]
            others = [fault for fault in matching if fault.kind is not Kind.LATENCY]
            taken = (*waits, *others[:1])
            self._count_down(taken)
            return Taken(taken, self._release)

    def take_callback(self, operation: str, number: str) -> Kind | None:
        """Return what happens to an event about `number`, if anything."""
        with self._lock:
            for fault in self._faults:
                if fault.kind.is_of_callbacks and fault.concerns(operation, number):
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


def _identity(fault: Fault) -> tuple[Kind, str, str | None, Phase]:
    return fault.kind, fault.operation, fault.number, fault.phase


_FIELDS = {"kind", "operation", "number", "seconds", "statusCode", "times", "phase"}


def read_fault(document: dict[str, Any]) -> Fault:
    """Read a fault. Raises ApiError 40001 that names the wrong field and its allowed values."""
    unknown = sorted(set(document) - _FIELDS)
    if unknown:
        raise invalid_parameter(f"Unknown field {unknown[0][:40]}; a fault has {', '.join(sorted(_FIELDS))}.")
    kind = Kind(_one_of(document.get("kind"), "kind", [kind.value for kind in Kind]))
    # Transport faults lose the response of a call that was carried out; the others prevent the call.
    phase = document.get("phase") or (Phase.AFTER if kind in _AFTER else Phase.BEFORE).value
    return Fault(
        kind=kind,
        operation=_one_of(document.get("operation") or "any", "operation", OPERATIONS),
        number=None if document.get("number") is None else parse_number(document["number"])[0],
        seconds=_seconds(document.get("seconds")),
        status_code=_status_code(kind, document.get("statusCode")),
        times=_times(document.get("times")),
        phase=Phase(_one_of(phase, "phase", [phase.value for phase in Phase])),
    )


def read_fault_header(header: str | None) -> Fault | None:
    """Read the fault of one call: `X-Simulator-Fault: stall; seconds=5; phase=before`. Raises ApiError 40001."""
    if not header:
        return None
    kind, *parameters = [part.strip() for part in header.split(";")]
    document: dict[str, Any] = {"kind": kind}
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        document[name.strip()] = _number_or_text(value.strip())
    fault = read_fault(document)
    if fault.kind.is_of_callbacks:
        raise invalid_parameter(f"{FAULT_HEADER}: {fault.kind} is set with PUT /simulator/faults.")
    return fault


def fault_document(fault: Fault) -> dict[str, Any]:
    """Return a fault as JSON, without the fields that have no value."""
    document = {
        "kind": fault.kind.value,
        "operation": fault.operation,
        "number": fault.number,
        "seconds": fault.seconds,
        "statusCode": fault.status_code,
        "times": fault.times,
        "phase": fault.phase.value,
    }
    return {name: value for name, value in document.items() if value is not None}


def _number_or_text(value: str) -> int | float | str:
    for read in (int, float):
        try:
            return read(value) if value[:1] != "+" else value  # a leading plus begins a phone number
        except ValueError:
            continue
    return value


def _one_of(value: object, name: str, choices: list[str] | tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise invalid_parameter(f"{name} must be one of {', '.join(choices)}.")
    return value


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST_SECONDS:
        raise invalid_parameter(f"seconds must be a number from 0 to {LONGEST_SECONDS}.")
    return float(value)


def _status_code(kind: Kind, value: object) -> int | None:
    if value is None:
        return None
    if kind is Kind.REDIRECT:
        allowed, words = value in REDIRECT_CODES, f"one of {', '.join(map(str, REDIRECT_CODES))}"
    else:
        allowed, words = isinstance(value, int) and 400 <= value <= 599, "from 400 to 599"  # noqa: PLR2004
    if not allowed or not isinstance(value, int) or isinstance(value, bool):
        raise invalid_parameter(f"statusCode must be {words}.")
    return value


def _times(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise invalid_parameter("times must be a whole number of at least 1.")
    return value
