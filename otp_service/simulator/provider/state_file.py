"""The state file: verifications, messages and skipped time in SQLite, so that they survive a restart."""

import json
import sqlite3
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from otp_service.simulator.provider.verification import Message, Method, Reason, Status, Verification

_TABLES = ("verifications", "messages", "facts")
_TIMES = ("started_at", "expires_at", "ended_at")


class StateFile:
    """Written at every change, with the store's lock held. One process at a time can use the file."""

    def __init__(self, path: str) -> None:
        """Raises ValueError, naming the setting, for a file that cannot be used."""
        self._connection: sqlite3.Connection | None = None
        try:
            self._db = sqlite3.connect(path, timeout=1, isolation_level=None, check_same_thread=False)
            self._connection = self._db
            Path(path).chmod(0o600)  # it holds codes
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")  # two simulators would overwrite each other's state
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = OFF")  # state lost in a power cut is not worth a wait for the disk
            for table in _TABLES:
                self._db.execute(f"CREATE TABLE IF NOT EXISTS {table} (id TEXT PRIMARY KEY, document TEXT NOT NULL)")
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise ValueError(f"state_path: cannot use {path}: {error}.") from None

    def close(self) -> None:
        """Close the file, so that another process can use it."""
        if self._connection:
            self._connection.close()

    def save(self, verification: Verification) -> None:
        """Write a verification, new or changed."""
        self._put("verifications", verification.id, asdict(verification))

    def forget(self, verification: Verification) -> None:
        """Delete a verification."""
        self._db.execute("DELETE FROM verifications WHERE id = ?", (verification.id,))

    def save_message(self, message: Message) -> None:
        """Write a message."""
        self._put("messages", message.id, asdict(message))

    def forget_message(self, message: Message) -> None:
        """Delete a message."""
        self._db.execute("DELETE FROM messages WHERE id = ?", (message.id,))

    def forget_messages(self) -> None:
        """Delete all messages."""
        self._db.execute("DELETE FROM messages")

    def save_skipped_seconds(self, seconds: float) -> None:
        """Write how far the clock was advanced: without it, the saved times would lie in the future."""
        self._put("facts", "skipped_seconds", seconds)

    def skipped_seconds(self) -> float:
        """Return how far the clock was advanced."""
        return float(next(self._documents("facts"), 0.0))

    def verifications(self) -> list[Verification]:
        """Return the saved verifications, oldest first. Raises TypeError or KeyError for an unknown form."""
        return [_verification(document) for document in self._documents("verifications")]

    def messages(self) -> list[Message]:
        """Return the saved messages, oldest first. Raises TypeError or KeyError for an unknown form."""
        return [
            Message(**{**document, "at": datetime.fromisoformat(document["at"])})
            for document in self._documents("messages")
        ]

    def _put(self, table: str, key: str, document: Any) -> None:
        self._db.execute(
            f"INSERT INTO {table} (id, document) VALUES (?, ?) "  # noqa: S608 - the table is one of ours
            "ON CONFLICT (id) DO UPDATE SET document = excluded.document",
            (key, json.dumps(document, default=str)),
        )

    def _documents(self, table: str) -> Any:
        rows = self._db.execute(f"SELECT document FROM {table} ORDER BY rowid")  # noqa: S608 - one of ours
        return (json.loads(document) for (document,) in rows)


def _verification(document: dict[str, Any]) -> Verification:
    for name in _TIMES:
        document[name] = datetime.fromisoformat(document[name]) if document[name] else None
    document["method"] = Method(document["method"])
    document["status"] = Status(document["status"])
    document["reason"] = Reason(document["reason"]) if document["reason"] else None
    document["price"] = Decimal(document["price"])
    return Verification(**document)
