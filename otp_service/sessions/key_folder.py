"""The folder of key pairs: one PEM file per key, readable by its owner alone, and a manifest with each key's state.

The `next` key is published and does not sign yet. The `current` key signs. A `retired` key signed before, and is
accepted until the last token that it signed has expired. See ADR 11.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from otp_service.sessions import jwk

MANIFEST = "manifest.json"
CLOCKS_APART = timedelta(minutes=1)


class KeyState(StrEnum):
    """The use of a key."""

    NEXT = "next"
    CURRENT = "current"
    RETIRED = "retired"


class KeyFault(Exception):
    """The keys cannot be used or changed as asked; the message is for an operator."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's entry in the manifest; times as ISO 8601. `accepted_until` is set when the key is retired."""

    kid: str
    algorithm: str
    state: KeyState
    created_at: str
    accepted_until: str | None = None

    def is_accepted(self, now: datetime) -> bool:
        """Whether tokens that it signed are still accepted."""
        return self.accepted_until is None or now < datetime.fromisoformat(self.accepted_until)


class KeyFolder:
    """The keys of one algorithm. Keys of other algorithms may be in the same folder and stay untouched."""

    def __init__(self, directory: Path, algorithm: str) -> None:
        self.directory = directory
        self.algorithm = algorithm
        self.manifest = directory / MANIFEST

    def entries(self) -> list[Entry]:
        """Return the keys of this algorithm, in the order in which they were made. Raises KeyFault."""
        return [entry for entry in self._read() if entry.algorithm == self.algorithm]

    def private_key(self, kid: str) -> jwk.PrivateKey:
        """Load the key of an entry. Raises KeyFault."""
        try:
            return jwk.load(self._path(kid).read_bytes(), self.algorithm)
        except (OSError, ValueError) as error:
            raise KeyFault(f"{self._path(kid)} cannot be used ({type(error).__name__})") from error

    def generate(self, *, now: datetime) -> Entry:
        """Make a key: the current one if there is none, else the next one. Raises KeyFault while a next one waits."""
        with self._locked():
            entries = self.entries()
            if _find(entries, KeyState.NEXT):
                raise KeyFault("A next key is waiting already. Make it the current one with: flask keys rotate")
            state = KeyState.NEXT if _find(entries, KeyState.CURRENT) else KeyState.CURRENT
            return self._add(state, now)

    def ensure(self, *, now: datetime) -> None:
        """Make a current key unless there is one. Raises KeyFault."""
        # Several processes start at once: the lock lets one make the key, and the others find it (ADR 11).
        with self._locked():
            if not _find(self.entries(), KeyState.CURRENT):
                self._add(KeyState.CURRENT, now)

    def rotate(self, *, now: datetime, token_ttl_seconds: int) -> Entry:
        """Let the next key sign, or a new one if none waits; the current one is accepted until its tokens expire."""
        with self._locked():
            upcoming = _find(self.entries(), KeyState.NEXT) or self._add(KeyState.NEXT, now)
            # The other processes notice at their next request and may sign with the old key until then (ADR 11).
            until = now + timedelta(seconds=token_ttl_seconds) + CLOCKS_APART

            def step(entry: Entry) -> Entry:
                if entry.kid == upcoming.kid:
                    return replace(entry, state=KeyState.CURRENT)
                if entry.algorithm == self.algorithm and entry.state == KeyState.CURRENT:
                    return replace(entry, state=KeyState.RETIRED, accepted_until=until.isoformat())
                return entry

            self._write([step(entry) for entry in self._read()])
            return replace(upcoming, state=KeyState.CURRENT)

    def retire(self, is_meant: Callable[[Entry], bool]) -> list[Entry]:
        """Delete keys at once; tokens that they signed are refused from now on. Raises KeyFault for the current one."""
        with self._locked():
            gone = [entry for entry in self.entries() if is_meant(entry)]
            if _find(gone, KeyState.CURRENT):
                raise KeyFault("That key signs now. Let another one sign first, with: flask keys rotate")
            self._write([entry for entry in self._read() if entry not in gone])
            # After the manifest: a process that reads it in between must find every key that it names.
            for entry in gone:
                self._path(entry.kid).unlink(missing_ok=True)
            return gone

    def _add(self, state: KeyState, now: datetime) -> Entry:
        key = jwk.GENERATORS[self.algorithm]()
        entry = Entry(jwk.key_id(key.public_key(), self.algorithm), self.algorithm, state, now.isoformat())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        # Before the manifest, for the same reason as in `retire`.
        _write_private(self._path(entry.kid), pem)
        self._write([*self._read(), entry])
        return entry

    def _path(self, kid: str) -> Path:
        return self.directory / f"{kid}.pem"

    def _read(self) -> list[Entry]:
        try:
            manifest = json.loads(self.manifest.read_text(encoding="utf-8"))
            return [Entry(**{**line, "state": KeyState(line["state"])}) for line in manifest["keys"]]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise KeyFault(f"{self.manifest} cannot be used ({type(error).__name__})") from error

    def _write(self, entries: list[Entry]) -> None:
        text = json.dumps({"keys": [asdict(entry) for entry in entries]}, indent=2)
        draft = self.directory / f"{MANIFEST}.{os.getpid()}"
        _write_private(draft, text.encode())
        draft.replace(self.manifest)  # atomic: a reader, who takes no lock, sees the old manifest or the new one

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise KeyFault(f"{self.directory} cannot be written ({type(error).__name__})") from error
        with os.fdopen(descriptor, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _find(entries: list[Entry], state: KeyState) -> Entry | None:
    return next((entry for entry in entries if entry.state == state), None)


def _write_private(path: Path, raw: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(raw)
