"""What the doctor finds: a check's name, how it went, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How a check went. Only `failed` keeps the service from doing its work."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report; `remedy` is what an operator can do, and it is there unless all is well."""

    name: str
    health: Health
    detail: str
    remedy: str | None = None


def ok(name: str, detail: str) -> Finding:
    """All is well."""
    return Finding(name, Health.OK, detail)


def warning(name: str, detail: str, remedy: str) -> Finding:
    """It works, but not as it should."""
    return Finding(name, Health.WARNING, detail, remedy)


def failed(name: str, detail: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(name, Health.FAILED, detail, remedy)
