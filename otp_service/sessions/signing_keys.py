"""The keys that sign and check access tokens: one algorithm, by the settings; no other is ever accepted."""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from flask import current_app

from otp_service.core import clock
from otp_service.sessions import jwk
from otp_service.sessions.key_folder import Entry, KeyFault, KeyFolder, KeyState

if TYPE_CHECKING:
    from config import Config

SHARED = "HS256"
log = logging.getLogger(__name__)
_Stamp = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Signer:
    """What signs. `kid` is None for a shared secret, which needs no name."""

    kid: str | None
    key: jwk.PrivateKey | str


class SigningKeys(Protocol):
    """The keys of the running application."""

    def prepare(self) -> None:
        """See that there is a key to sign with. Raises KeyFault."""

    def signer(self) -> Signer:
        """The key that signs now. Raises KeyFault."""

    def find_checker(self, kid: str | None) -> jwk.PublicKey | bytes | None:
        """The key that checks tokens with this key id; None for an unknown one, a missing one, or a retired one."""

    def published(self) -> list[dict[str, str]]:
        """The public keys as JWKs."""


class SharedSecret:
    """HS256: one secret signs and checks, and is told to nobody."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def prepare(self) -> None:
        """The settings were checked before."""

    def signer(self) -> Signer:
        """The secret."""
        return Signer(None, self._secret)

    def find_checker(self, kid: str | None) -> bytes | None:
        """The secret, for tokens that name no key."""
        return self._secret.encode() if kid is None else None

    def published(self) -> list[dict[str, str]]:
        """Nothing."""
        return []


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What the folder held at one moment."""

    stamp: _Stamp
    signer: Signer | None
    entries: Mapping[str, Entry]
    checkers: Mapping[str, jwk.PublicKey]
    keys: Mapping[str, jwk.PrivateKey]


class KeyPairs:
    """Keys of a folder, loaded once; a change of the manifest is noticed at the next use, without a restart."""

    def __init__(self, folder: KeyFolder, *, makes_missing: bool) -> None:
        self.folder = folder
        self._makes_missing = makes_missing
        self._loaded = _Loaded(None, None, {}, {}, {})
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """In development a key is made at the first start; in production it must be there. Raises KeyFault."""
        if self._makes_missing:
            self.folder.ensure(now=clock.now())
        self._loaded = self._load(self._stamp())
        self.signer()

    def signer(self) -> Signer:
        """The current key."""
        signer = self._fresh().signer
        if signer is None:
            raise KeyFault(f"{self.folder.directory} has no current key for {self.folder.algorithm}")
        return signer

    def find_checker(self, kid: str | None) -> jwk.PublicKey | None:
        """A key of the manifest, the next one as well: a process that knows of a rotation earlier may use it."""
        loaded = self._fresh()
        entry = loaded.entries.get(kid or "")
        return loaded.checkers[entry.kid] if entry and entry.is_accepted(clock.now()) else None

    def published(self) -> list[dict[str, str]]:
        """Every key that is accepted, in the order in which they were made."""
        loaded, now = self._fresh(), clock.now()
        kept = [entry.kid for entry in loaded.entries.values() if entry.is_accepted(now)]
        return [jwk.public_jwk(loaded.checkers[kid], self.folder.algorithm) for kid in kept]

    def _fresh(self) -> _Loaded:
        stamp = self._stamp()
        if stamp == self._loaded.stamp:
            return self._loaded
        with self._lock:
            if stamp != self._loaded.stamp:
                self._loaded = self._reload(stamp)
        return self._loaded

    def _reload(self, stamp: _Stamp) -> _Loaded:
        try:
            loaded = self._load(stamp)
        except KeyFault:  # go on with what was good; told once, since the stamp is remembered
            log.exception("keys.unreadable")
            old = self._loaded
            return _Loaded(stamp, old.signer, old.entries, old.checkers, old.keys)
        log.info("keys.loaded", extra={"keys": list(loaded.entries)})
        return loaded

    def _load(self, stamp: _Stamp) -> _Loaded:
        entries = {entry.kid: entry for entry in self.folder.entries()}
        if not entries:
            raise KeyFault(
                f"{self.folder.directory} has no key for {self.folder.algorithm}; make one with: flask keys generate"
            )
        known = self._loaded.keys
        keys = {kid: known.get(kid) or self.folder.private_key(kid) for kid in entries}
        current = next((kid for kid, entry in entries.items() if entry.state == KeyState.CURRENT), None)
        signer = Signer(current, keys[current]) if current else None
        return _Loaded(stamp, signer, entries, {kid: key.public_key() for kid, key in keys.items()}, keys)

    def _stamp(self) -> _Stamp:
        """Changes whenever the manifest is replaced; costs two microseconds."""
        try:
            found = self.folder.manifest.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino


def of(config: "Config") -> SigningKeys:
    """The keys that the settings name; nothing is read yet."""
    if config.jwt_algorithm == SHARED:
        return SharedSecret(config.jwt_secret)
    folder = KeyFolder(config.jwt_keys_dir, config.jwt_algorithm)
    return KeyPairs(folder, makes_missing=not config.is_production)


def signing_keys() -> SigningKeys:
    """The running application's keys."""
    keys: SigningKeys = current_app.extensions["signing_keys"]
    return keys
