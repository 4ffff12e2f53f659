"""The keys under which the trail keeps what is personal: one for a person, until the person is erased (ADR 48).

A process makes a key of its own when it first records something of a subject, and uses it for a day. So no act reads a
key, and a subject has a few. Deleting the rows of a subject makes all its events unreadable.
"""

import secrets
import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Engine, delete, event

from otp_service.audit.models import AuditKey
from otp_service.core.crypto.secrets import NONCE_BYTES, TOKEN_BYTES, Unreadable, keyring
from otp_service.core.database.statements import prepared_insert
from otp_service.core.database.transactions import (
    execute,
    execute_later,
    note_for_transaction,
    noted_for_transaction,
    run_after_commit,
)
from otp_service.core.services import services
from otp_service.core.text import base64url, decoded_base64

USED_FOR = timedelta(days=1)
MOST_KEPT = 20_000
"""Subjects whose key a process remembers, and keys that it remembers to have opened."""

EVERYONE_ELSE = "others"
"""The subject of events that are about no account and no verification: strangers, operators, the service itself."""

_add = prepared_insert(AuditKey)


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """A key, and when it was made."""

    id: uuid.UUID
    cipher: AESGCM
    made_at: datetime

    def seal(self, value: Any) -> bytes:
        """Encrypt a JSON value."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self.cipher.encrypt(nonce, orjson.dumps(value), self.id.bytes)


class SubjectKeys:
    """The keys that one process uses. All of them are in the database: this only saves making and opening them."""

    def __init__(self) -> None:
        self._of_subject: OrderedDict[str, SubjectKey] = OrderedDict()
        self._opened: OrderedDict[uuid.UUID, AESGCM] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, subject: str, *, now: datetime) -> SubjectKey | None:
        """Return the key to use for a subject, if one is at hand."""
        with self._lock:
            found = self._of_subject.get(subject)
            if found is None or not timedelta(0) <= now - found.made_at < USED_FOR:
                return None
            self._of_subject.move_to_end(subject)
            return found

    def keep(self, subject: str, key: SubjectKey) -> None:
        """Use a key, which is in the database, for the events of a subject from now on."""
        with self._lock:
            _keep(self._of_subject, subject, key)

    def drop(self, subject: str) -> None:
        """Forget the key of a subject."""
        with self._lock:
            self._of_subject.pop(subject, None)

    def follow(self, engine: Engine) -> None:
        """Forget all keys when a connection is lost.

        After a failover the database may lack keys that it had committed. What they sealed would be unreadable.
        """
        event.listen(engine, "handle_error", lambda context: self.clear() if context.is_disconnect else None)

    def clear(self) -> None:
        """Forget all keys: the database was replaced."""
        with self._lock:
            self._of_subject.clear()
            self._opened.clear()

    def opened(self, key_id: uuid.UUID, sealed_key: str) -> AESGCM:
        """Return the cipher of a key as it is stored. Raises Unreadable."""
        with self._lock:
            found = self._opened.get(key_id)
        if found is None:
            found = AESGCM(open_key(key_id, sealed_key))
            with self._lock:
                _keep(self._opened, key_id, found)
        return found


def _keep(held: "OrderedDict[Any, Any]", name: Any, value: Any) -> None:
    held[name] = value
    if len(held) > MOST_KEPT:
        held.popitem(last=False)


def subject_of(user_id: int | None, verification_id: object) -> str:
    """Return the subject of an event: its user, else the verification of a backend that it is about."""
    if user_id is not None:
        return f"user:{user_id}"
    return EVERYONE_ELSE if verification_id is None else f"verification:{verification_id}"


def key_for(subject: str, *, now: datetime) -> SubjectKey:
    """Return a key for an event of a subject. A new one is stored with the open transaction."""
    kept = services().audit_keys
    new_ones: dict[str, SubjectKey] = noted_for_transaction(AuditKey) or {}
    found = kept.find(subject, now=now) or new_ones.get(subject)
    if found is not None:
        return found
    made, row = new_key(subject, now=now)
    execute_later(*_add(**row))
    note_for_transaction(AuditKey, {**new_ones, subject: made})
    # Not before: the rows that another thread sealed with it would be unreadable after a rollback.
    run_after_commit(partial(kept.keep, subject, made))
    return made


def new_key(subject: str, *, now: datetime) -> tuple[SubjectKey, dict[str, Any]]:
    """Make a key; return it with the row to store."""
    key_id, secret = uuid.uuid4(), secrets.token_bytes(TOKEN_BYTES)
    return SubjectKey(key_id, AESGCM(secret), now), row_of(key_id, subject, secret, now=now)


def row_of(key_id: uuid.UUID, subject: str, secret: bytes, *, now: datetime) -> dict[str, Any]:
    """Return the row that stores a key, encrypted."""
    sealed_key = keyring().seal(base64url(secret), context=f"audit_keys.key:{key_id}")
    return {"id": key_id, "subject": subject, "sealed_key": sealed_key, "created_at": now}


def open_key(key_id: uuid.UUID, sealed_key: str) -> bytes:
    """Return a key as it was before `row_of`. Raises Unreadable."""
    text = keyring().open(sealed_key, context=f"audit_keys.key:{key_id}")
    return decoded_base64(text, needs_padding=False)


def unseal(sealed: bytes, key_id: uuid.UUID, sealed_key: str | None) -> Any:
    """Return the value that was sealed; None if its key was deleted, or opens with no key of ENCRYPTION_KEY."""
    if sealed_key is None:
        return None
    try:
        cipher = services().audit_keys.opened(key_id, sealed_key)
        return orjson.loads(cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], key_id.bytes))
    except (Unreadable, InvalidTag, ValueError):
        return None  # changed, or of a key that was removed: `flask audit verify` and `flask doctor` say so


def erase(subject: str) -> None:
    """Delete the keys of a subject, in the open transaction: what is personal in its events is unreadable then."""
    execute(delete(AuditKey).where(AuditKey.subject == subject))
    run_after_commit(partial(services().audit_keys.drop, subject))
