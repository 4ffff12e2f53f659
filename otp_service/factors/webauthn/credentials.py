"""The passkeys that are enrolled; the only place that writes their table."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import execute, fetch_all, fetch_one, transaction, violated_constraint
from otp_service.factors.webauthn.answers import Enrolled, Shown
from otp_service.factors.webauthn.ceremonies import TRANSPORTS, Known
from otp_service.factors.webauthn.errors import PasskeyNotFound, PasskeyTaken
from otp_service.factors.webauthn.models import WebAuthnCredential


@dataclass(frozen=True, slots=True)
class Passkey:
    """One credential: values, no row."""

    id: uuid.UUID
    user_id: int
    credential_id: bytes
    public_key: bytes
    sign_count: int
    transports: str
    synced: bool
    name: str
    created_at: datetime
    last_used_at: datetime | None

    @property
    def known(self) -> Known:
        """As options name it."""
        return self.credential_id, tuple(self.transports.split())

    def described(self) -> dict[str, Any]:
        """What its owner sees of it."""
        return {
            "type": "webauthn",
            "id": self.id,
            "name": self.name,
            "created_at": self.created_at,
            "last_used_at": self.last_used_at,
            "synced": self.synced,
        }


_COLUMNS = [getattr(WebAuthnCredential, name) for name in Passkey.__dataclass_fields__]


def of_user(user_id: int) -> list[Passkey]:
    """The user's passkeys, the oldest first."""
    statement = select(*_COLUMNS).where(WebAuthnCredential.user_id == user_id)
    return [Passkey(*row) for row in fetch_all(statement.order_by(WebAuthnCredential.created_at))]


def count(user_id: int) -> int:
    """How many the user has."""
    return int(fetch_all(*_count(user_id))[0][0])


@prepared
def _count(user_id: Given) -> Select[Any]:
    return select(func.count()).select_from(WebAuthnCredential).where(WebAuthnCredential.user_id == user_id)


def find(credential_id: bytes) -> Passkey | None:
    """The passkey with an authenticator's own id."""
    return _find(WebAuthnCredential.credential_id == credential_id)


def get(id: uuid.UUID, *, user_id: int) -> Passkey:
    """One of the user's passkeys. Raises PasskeyNotFound, for another's too."""
    passkey = _find(_is(id, user_id))
    if passkey is None:
        raise PasskeyNotFound
    return passkey


def add(user_id: int, enrolled: Enrolled, *, name: str, transports: tuple[str, ...], now: datetime) -> Passkey:
    """Store a new one. Raises PasskeyTaken when anybody has it, under any number of parallel tries."""
    id = uuid.uuid4()
    try:
        with transaction():
            execute(
                insert(WebAuthnCredential).values(
                    id=id,
                    user_id=user_id,
                    credential_id=enrolled.credential_id,
                    public_key=enrolled.public_key,
                    sign_count=enrolled.sign_count,
                    aaguid=enrolled.aaguid,
                    transports=" ".join(sorted(TRANSPORTS.intersection(transports))),
                    synced=enrolled.synced,
                    name=name,
                    created_at=now,
                )
            )
            return get(id, user_id=user_id)
    except IntegrityError as error:
        if violated_constraint(error) != "uq_webauthn_credentials_credential_id":
            raise
        raise PasskeyTaken from error


def rename(id: uuid.UUID, *, user_id: int, name: str) -> None:
    """Name it anew, in the open transaction. Raises PasskeyNotFound."""
    if execute(update(WebAuthnCredential).where(_is(id, user_id)).values(name=name)).rowcount != 1:
        raise PasskeyNotFound


def note_use(passkey: Passkey, shown: Shown, *, now: datetime) -> bool:
    """Raise the counter, in the open transaction; False when it moved meanwhile, or the passkey was removed.

    A counter that stays 0 counts nothing: synced passkeys have none (section 6.1.1).
    """
    stored = WebAuthnCredential.sign_count
    has_moved_on = (stored < shown.sign_count) | ((stored == 0) & (shown.sign_count == 0))
    values = {"sign_count": shown.sign_count, "synced": shown.synced, "last_used_at": now}
    is_this = _is(passkey.id, passkey.user_id)
    return bool(execute(update(WebAuthnCredential).where(is_this, has_moved_on).values(**values)).rowcount)


def remove(id: uuid.UUID, *, user_id: int) -> None:
    """Remove one, in the open transaction. Raises PasskeyNotFound."""
    if _remove(_is(id, user_id)) != 1:
        raise PasskeyNotFound


def remove_all(user_id: int) -> int:
    """Remove all of the user's, in the open transaction; how many there were."""
    return _remove(WebAuthnCredential.user_id == user_id)


def _is(id: uuid.UUID, user_id: int) -> ColumnElement[bool]:
    return (WebAuthnCredential.id == id) & (WebAuthnCredential.user_id == user_id)


def _find(condition: ColumnElement[bool]) -> Passkey | None:
    row = fetch_one(select(*_COLUMNS).where(condition))
    return Passkey(*row) if row else None


def _remove(condition: ColumnElement[bool]) -> int:
    return int(execute(delete(WebAuthnCredential).where(condition)).rowcount)
