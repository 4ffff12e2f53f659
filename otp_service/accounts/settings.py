"""The settings of accounts: where the links in e-mails lead, and whether existence is hidden."""

from dataclasses import dataclass

from otp_service.config.reader import Reader
from otp_service.config.server import read_origins


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """`origin` is where the pages are, such as https://app.example.com. Without it, e-mails have no links."""

    origin: str | None


def read_links(read: Reader) -> LinkSettings:
    """Take the first FRONTEND_URL; in development without one, the service's own address on this machine."""
    origins = read_origins(read)
    if origins or read.production:
        return LinkSettings(origin=origins[0] if origins else None)
    port = read.integer("PORT", default=8000, low=1, high=65535)
    return LinkSettings(origin=f"http://127.0.0.1:{port}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistenceSettings:
    """`answer_seconds` is the least time of responses that must be equal; few calls to the provider take longer."""

    hidden: bool
    answer_seconds: float = 0.5


def read_existence(read: Reader) -> ExistenceSettings:
    """Read HIDE_ACCOUNT_EXISTENCE."""
    return ExistenceSettings(hidden=read.flag("HIDE_ACCOUNT_EXISTENCE", default=read.strict))
