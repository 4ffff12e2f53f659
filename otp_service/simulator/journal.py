"""The state file: verifications, messages and skipped time, kept in SQLite over a restart."""

import json
import sqlite3
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from otp_service.simulator.verification import Message, Method, Reason, Status, Verification

_TABLES = ("verifications", "messages", "facts")
_TIMES = ("started_at", "expires_at", "ended_at")


class SqliteJournal:
    """Written at every change, with the store's lock held. One process at a time can hold the file."""

    def __init__(self, path: str) -> None:
        """Raises ValueError, naming the setting, for a file that cannot be used."""
        self._connection: sqlite3.Connection | None = None
        try:
            self._db = sqlite3.connect(path, timeout=1, isolation_level=None, check_same_thread=False)
            self._connection = self._db
            Path(path).chmod(0o600)  # it holds codes
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = OFF")  # a lost simulator is no loss worth a disk's wait
            for table in _TABLES:
                self._db.execute(f"CREATE TABLE IF NOT EXISTS {table} (id TEXT PRIMARY KEY, document TEXT NOT NULL)")
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise ValueError(f"state_path: cannot use {path}: {error}.") from None

    def close(self) -> None:
        """Let go of the file."""
        if self._connection:
            self._connection.close()

    def save(self, verification: Verification) -> None:
        """Keep a verification, new or changed."""
        self._put("verifications", verification.id, asdict(verification))

    def forget(self, verification: Verification) -> None:
        """Drop one."""
        self._db.execute("DELETE FROM verifications WHERE id = ?", (verification.id,))

    def save_message(self, message: Message) -> None:
        """Keep a message."""
        self._put("messages", message.id, asdict(message))

    def forget_message(self, message: Message) -> None:
        """Drop one."""
        self._db.execute("DELETE FROM messages WHERE id = ?", (message.id,))

    def forget_messages(self) -> None:
        """Drop all."""
        self._db.execute("DELETE FROM messages")

    def save_skipped_seconds(self, seconds: float) -> None:
        """Keep how far the clock was advanced, or kept times would lie in the future."""
        self._put("facts", "skipped_seconds", seconds)

    def skipped_seconds(self) -> float:
        """How far the clock was advanced."""
        return float(next(self._documents("facts"), 0.0))

    def verifications(self) -> list[Verification]:
        """What was kept, oldest first. Raises ValueError when it cannot be read."""
        return [_verification(document) for document in self._documents("verifications")]

    def messages(self) -> list[Message]:
        """What was kept, oldest first."""
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
