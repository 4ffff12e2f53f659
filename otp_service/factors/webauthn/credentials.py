"""The enrolled passkeys and the handles of their owners. No other module reads or writes these two tables."""

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from otp_service.core import clock
from otp_service.core.database.rows import Projection, rows_about
from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import (
    execute,
    fetch_all,
    fetch_one,
    transaction,
    upsert,
    violated_constraint,
)
from otp_service.factors import removals
from otp_service.factors.webauthn.ceremonies import (
    TRANSPORTS,
    KnownCredential,
    VerifiedAssertion,
    VerifiedAttestation,
)
from otp_service.factors.webauthn.errors import PasskeyNotFound, PasskeyTaken
from otp_service.factors.webauthn.models import WebAuthnCredential, WebAuthnHandle

KIND = "webauthn"
HANDLE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Passkey:
    """One enrolled credential."""

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
    def known(self) -> KnownCredential:
        """Its id and transports, as options name it."""
        return self.credential_id, tuple(self.transports.split())

    def described(self) -> dict[str, Any]:
        """Return what its owner sees of it."""
        return {
            "type": KIND,
            "id": self.id,
            "name": self.name,
            "created_at": self.created_at,
            "last_used_at": self.last_used_at,
            "synced": self.synced,
        }


_PASSKEYS = Projection(Passkey, WebAuthnCredential)


def of_user(user_id: int) -> list[Passkey]:
    """Return the user's passkeys, the oldest first."""
    statement = _PASSKEYS.select().where(WebAuthnCredential.user_id == user_id, _is_present(clock.now()))
    return _PASSKEYS.values(fetch_all(statement.order_by(WebAuthnCredential.created_at)))


def has_one(user_id: Given, now: Given) -> ColumnElement[bool]:
    """Return whether the user has a passkey at a time, for a statement."""
    return exists().where(WebAuthnCredential.user_id == user_id, _is_present(now))


def count(user_id: int) -> int:
    """Return how many passkeys the user has."""
    return int(fetch_all(*_count(user_id, clock.now()))[0][0])


@prepared
def _count(user_id: Given, now: Given) -> Select[Any]:
    is_theirs = (WebAuthnCredential.user_id == user_id) & _is_present(now)
    return select(func.count()).select_from(WebAuthnCredential).where(is_theirs)


def find(credential_id: bytes) -> Passkey | None:
    """Return the passkey with the id that its authenticator gave it."""
    return _find(WebAuthnCredential.credential_id == credential_id)


def get(id: uuid.UUID, *, user_id: int) -> Passkey:
    """Return one of the user's passkeys. Raises PasskeyNotFound, also for another user's."""
    passkey = _find(_is(id, user_id))
    if passkey is None:
        raise PasskeyNotFound
    return passkey


def add(
    user_id: int, verified: VerifiedAttestation, *, name: str, transports: tuple[str, ...], now: datetime
) -> Passkey:
    """Store a new passkey. Raises PasskeyTaken if any account has it already."""
    id = uuid.uuid4()
    try:
        with transaction():
            execute(
                insert(WebAuthnCredential).values(
                    id=id,
                    user_id=user_id,
                    credential_id=verified.credential_id,
                    public_key=verified.public_key,
                    sign_count=verified.sign_count,
                    aaguid=verified.aaguid,
                    transports=" ".join(sorted(TRANSPORTS.intersection(transports))),
                    synced=verified.synced,
                    name=name,
                    created_at=now,
                )
            )
            return get(id, user_id=user_id)
    except IntegrityError as error:
        # The unique constraint decides: of parallel enrolments of one credential, one is stored (ADR 3).
        if violated_constraint(error) != "uq_webauthn_credentials_credential_id":
            raise
        raise PasskeyTaken from error


def rename(id: uuid.UUID, *, user_id: int, name: str) -> None:
    """Rename a passkey, in the open transaction. Raises PasskeyNotFound."""
    if execute(update(WebAuthnCredential).where(_is(id, user_id)).values(name=name)).rowcount != 1:
        raise PasskeyNotFound


def record_use(passkey: Passkey, verified: VerifiedAssertion, *, now: datetime) -> bool:
    """Raise the counter, in the open transaction. Return False if it has moved on, or the passkey was removed."""
    stored = WebAuthnCredential.sign_count
    # The counter was compared when the signature was checked; this condition compares it again, so that of two
    # responses with one counter only the first is accepted. A counter that stays 0 counts nothing: synced passkeys have
    # none (section 6.1.1), and their challenge alone makes the response single-use.
    has_moved_on = (stored < verified.sign_count) | ((stored == 0) & (verified.sign_count == 0))
    values = {"sign_count": verified.sign_count, "synced": verified.synced, "last_used_at": now}
    is_this = _is(passkey.id, passkey.user_id) & _is_present(now)
    return bool(execute(update(WebAuthnCredential).where(is_this, has_moved_on).values(**values)).rowcount)


def remove(id: uuid.UUID, *, user_id: int) -> None:
    """Remove a passkey, in the open transaction. Raises PasskeyNotFound."""
    if remove_one(user_id, id) != 1:
        raise PasskeyNotFound


def remove_one(user_id: int, id: uuid.UUID) -> int:
    """Remove a passkey, in the open transaction. Return how many there were."""
    removals.forget(id)
    return _remove(_is(id, user_id))


def remove_all(user_id: int) -> int:
    """Remove all passkeys of the user, in the open transaction. Return how many there were."""
    return _remove(WebAuthnCredential.user_id == user_id)


def remove_added_since(user_id: int, since: datetime) -> int:
    """Remove the user's passkeys that were added after a time, in the open transaction. Return how many."""
    return _remove((WebAuthnCredential.user_id == user_id) & (WebAuthnCredential.created_at > since))


def get_handle(user_id: int) -> bytes:
    """Return the random id by which authenticators know the user; make it at the first call."""
    known = find_handle(user_id)
    if known is not None:
        return known
    with transaction():
        # Of parallel first calls one inserts, and all read what it stored: a user has one handle for good.
        made = upsert(WebAuthnHandle).values(user_id=user_id, handle=secrets.token_bytes(HANDLE_BYTES))
        execute(made.on_conflict_do_nothing(index_elements=[WebAuthnHandle.user_id]))
        return find_handle(user_id) or b""


def find_handle(user_id: int) -> bytes | None:
    """Return the user's handle, if it was made."""
    row = fetch_one(select(WebAuthnHandle.handle).where(WebAuthnHandle.user_id == user_id))
    return bytes(row.handle) if row else None


def personal_data(user_id: int) -> list[dict[str, Any]]:
    """Return the user's passkeys and security keys, without ids and keys of credentials."""
    columns = (
        WebAuthnCredential.created_at, WebAuthnCredential.id, WebAuthnCredential.name, WebAuthnCredential.aaguid,
        WebAuthnCredential.transports, WebAuthnCredential.synced, WebAuthnCredential.last_used_at,
    )  # fmt: skip
    return rows_about(WebAuthnCredential.user_id == user_id, *columns)


def _is(id: uuid.UUID, user_id: int) -> ColumnElement[bool]:
    return (WebAuthnCredential.id == id) & (WebAuthnCredential.user_id == user_id)


def _is_present(now: datetime | Given) -> ColumnElement[bool]:
    """Whether a passkey counts: the time of its removal, if one waits, has not come."""
    return ~removals.is_in_force(WebAuthnCredential.id, now)


def _find(condition: ColumnElement[bool]) -> Passkey | None:
    return _PASSKEYS.find(fetch_one(_PASSKEYS.select().where(condition, _is_present(clock.now()))))


def _remove(condition: ColumnElement[bool]) -> int:
    return int(execute(delete(WebAuthnCredential).where(condition)).rowcount)
