"""The settings of accounts: where the links in e-mails lead, and whether existence is hidden."""

from dataclasses import dataclass

from otp_service.config.reader import Reader
from otp_service.config.server import read_origins, read_public_url


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """`origin` is where the pages are, such as https://app.example.com. Without it, e-mails have no links.

    For the service's own pages it has the path of PUBLIC_URL.
    """

    origin: str | None


def read_links(read: Reader) -> LinkSettings:
    """Take the first FRONTEND_URL, else PUBLIC_URL; in development, else the service's address on this machine."""
    origin = next(iter(read_origins(read)), None) or read_public_url(read)
    if origin or read.production:
        return LinkSettings(origin=origin)
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
