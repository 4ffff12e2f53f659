"""Faults as people and tests ask for them: as JSON, or as a header of the call that shall fail."""

from typing import Any

from otp_service.simulator.errors import invalid_parameter
from otp_service.simulator.exchange import Request
from otp_service.simulator.faults import Fault, Kind, Phase, default_phase
from otp_service.simulator.numbers import parse_number

FAULT_HEADER = "x-simulator-fault"
OPERATIONS = ("start", "report", "status", "any")
LONGEST_SECONDS = 86_400
REDIRECT_CODES = (301, 302, 303, 307, 308)
_FIELDS = {"kind", "operation", "number", "seconds", "statusCode", "times", "phase"}


def fault_from_document(document: dict[str, Any]) -> Fault:
    """Read a fault; raises SinchError 40001 that says which field is wrong and what it may be."""
    unknown = sorted(set(document) - _FIELDS)
    if unknown:
        raise invalid_parameter(f"Unknown field {unknown[0][:40]}; a fault has {', '.join(sorted(_FIELDS))}.")
    kind = Kind(_one_of(document.get("kind"), "kind", [kind.value for kind in Kind]))
    phase = document.get("phase") or default_phase(kind).value
    return Fault(
        kind=kind,
        operation=_one_of(document.get("operation") or "any", "operation", OPERATIONS),
        number=None if document.get("number") is None else parse_number(document["number"])[0],
        seconds=_seconds(document.get("seconds")),
        status_code=_status_code(kind, document.get("statusCode")),
        times=_times(document.get("times")),
        phase=Phase(_one_of(phase, "phase", [phase.value for phase in Phase])),
    )


def document_of(fault: Fault) -> dict[str, Any]:
    """A fault as JSON, without what it leaves open."""
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


def fault_from_header(request: Request) -> Fault | None:
    """The fault in `X-Simulator-Fault: stall; seconds=5; phase=before`, for this one call."""
    header = request.headers.get(FAULT_HEADER)
    if not header:
        return None
    kind, *parameters = [part.strip() for part in header.split(";")]
    document: dict[str, Any] = {"kind": kind}
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        document[name.strip()] = _number_or_text(value.strip())
    fault = fault_from_document(document)
    if fault.kind.is_of_callbacks:
        raise invalid_parameter(f"{FAULT_HEADER}: {fault.kind} is set with PUT /simulator/faults.")
    return fault


def _number_or_text(value: str) -> int | float | str:
    for read in (int, float):
        try:
            return read(value) if value[:1] != "+" else value
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
