"""Encrypts what a message says and to whom, each bound to its own row."""

from typing import Any
from uuid import UUID

import orjson

from otp_service.core.crypto.secrets import keyring


def seal_address(message_id: UUID, address: str) -> str:
    """Encrypt the address that a message goes to."""
    return keyring().seal(address, context=f"outbox_messages.to:{message_id}")


def open_address(message_id: UUID, sealed: str) -> str:
    """Undo `seal_address`. Raises Unreadable."""
    return keyring().open(sealed, context=f"outbox_messages.to:{message_id}")


def seal_values(message_id: UUID, values: dict[str, Any]) -> str:
    """Encrypt a template's values; times become texts (ISO 8601)."""
    return keyring().seal(orjson.dumps(values).decode(), context=f"outbox_messages.values:{message_id}")


def open_values(message_id: UUID, sealed: str) -> dict[str, Any]:
    """Undo `seal_values`. Raises Unreadable."""
    values: dict[str, Any] = orjson.loads(keyring().open(sealed, context=f"outbox_messages.values:{message_id}"))
    return values
