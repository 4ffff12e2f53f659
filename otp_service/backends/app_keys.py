"""The keys of apps: their form, the hash that is stored, and which app a key speaks for."""

import hmac
import logging
import re
import secrets
import string
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from otp_service.backends.errors import AppDisabled, InvalidApiKey
from otp_service.backends.models import App, AppKey
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.outages import is_unavailable
from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import execute_alone, fetch_one

PREFIX = "otpk_"
ID_LENGTH = 12
SECRET_LENGTH = 43
"""Letters and digits for 256 bits."""

NOTED_EVERY = timedelta(minutes=1)
_CHARACTERS = string.ascii_letters + string.digits
_FORM = re.compile(rf"{PREFIX}([A-Za-z0-9]{{{ID_LENGTH}}})_([A-Za-z0-9]{{{SECRET_LENGTH}}})")
_NO_HASH = "-" * SECRET_LENGTH
log = logging.getLogger(__name__)


class Scope(StrEnum):
    """What an app may do."""

    VERIFICATIONS = "verifications"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class AppCaller:
    """The app that a valid key speaks for. `sends_per_day` and `spend_per_day` are None without a limit of its own."""

    id: int
    name: str
    key_id: str
    scopes: frozenset[Scope]
    sends_per_day: int | None = None
    spend_per_day: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A key: `id` finds its row, `secret` proves that the caller has it."""

    id: str
    secret: str = field(repr=False)

    @property
    def text(self) -> str:
        """The key as the backend sends it."""
        return f"{PREFIX}{self.id}_{self.secret}"

    @property
    def hashes(self) -> tuple[str, ...]:
        """The keyed hash under each encryption key in use, the newest first."""
        return keyring().digests(self.text, purpose="app key")


def draw() -> Key:
    """Return a new random key."""
    return Key(_random(ID_LENGTH), _random(SECRET_LENGTH))


def _random(length: int) -> str:
    return "".join(secrets.choice(_CHARACTERS) for _ in range(length))


def find_key(text: str) -> Key | None:
    """Return the key that a text spells; None for any other text."""
    found = _FORM.fullmatch(text)
    return Key(found[1], found[2]) if found else None


def authenticate(text: str, *, now: datetime) -> AppCaller:
    """Return the app that the text of a key speaks for. Raises InvalidApiKey, AppDisabled.

    It costs one statement, and none for a text that cannot be a key. Once a minute, another one notes the use.
    """
    key = find_key(text)
    if key is None:
        raise InvalidApiKey
    row = fetch_one(*_of_id(key.id))
    # An unknown id costs the same hashes and comparisons as a wrong secret.
    stored = _NO_HASH if row is None else row.secret_hash
    matches = [hmac.compare_digest(one, stored) for one in key.hashes]
    if row is None or not any(matches):
        raise InvalidApiKey
    if row.disabled_at is not None:
        raise AppDisabled
    is_of_older_key = not matches[0]
    if is_of_older_key or row.last_used_at is None or now - row.last_used_at >= NOTED_EVERY:
        _note_use(key, now)
    return AppCaller(row.app_id, row.name, key.id, scopes_in(row.scopes), row.sends_per_day, row.spend_per_day)


def scopes_in(text: str) -> frozenset[Scope]:
    """Return the scopes that a row stores."""
    return frozenset(map(Scope, text.split()))


@prepared
def _of_id(key_id: Given) -> Select[Any]:
    of_app = (App.name, App.scopes, App.sends_per_day, App.spend_per_day, App.disabled_at)
    of_key = (AppKey.app_id, AppKey.secret_hash, AppKey.last_used_at)
    return select(*of_key, *of_app).join(App, App.id == AppKey.app_id).where(AppKey.id == key_id)


def _note_use(key: Key, now: datetime) -> None:
    """Store when the key was used, and its hash under the newest encryption key, so that the older one can go."""
    try:
        execute_alone(*_use(key.id, now - NOTED_EVERY, key.hashes[0], last_used_at=now, secret_hash=key.hashes[0]))
    except SQLAlchemyError as error:
        # A read-only database still verifies keys; what the request itself writes decides about its response.
        if not is_unavailable(error):
            raise
        log.warning("app_key.use_not_stored", extra={"keyId": key.id, "error": type(error).__name__})


@prepared
def _use(key_id: Given, before: Given, newest_hash: Given) -> Any:
    # Conditional: of the requests that come together in a new minute, one writes (ADR 30).
    is_due = or_(AppKey.last_used_at.is_(None), AppKey.last_used_at <= before, AppKey.secret_hash != newest_hash)
    return update(AppKey).where(AppKey.id == key_id, is_due).returning(AppKey.id)
