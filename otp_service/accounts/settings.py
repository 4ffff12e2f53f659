"""The settings of accounts: where the links in e-mails lead, and whether strangers may learn who has one."""

from collections.abc import Sequence
from dataclasses import dataclass

from otp_service.core.settings import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """`origin` is that of the pages that people know, such as https://app.example.com; without one none is told."""

    origin: str | None


def read_links(read: Reader, origins: Sequence[str], *, production: bool) -> LinkSettings:
    """The first of FRONTEND_URL; in development, without one, the service itself as this machine sees it."""
    if origins or production:
        return LinkSettings(origin=origins[0] if origins else None)
    port = read.integer("PORT", default=8000, low=1, high=65535)
    return LinkSettings(origin=f"http://127.0.0.1:{port}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistenceSettings:
    """`answer_seconds` is the least time of answers that must be equal; above it are few calls to the provider."""

    hidden: bool
    answer_seconds: float = 0.5


def read_existence(read: Reader, *, strict: bool) -> ExistenceSettings:
    """Read HIDE_ACCOUNT_EXISTENCE."""
    return ExistenceSettings(hidden=read.flag("HIDE_ACCOUNT_EXISTENCE", default=strict))
