"""The keys that sign and verify access tokens: for one algorithm, which the settings name (ADR 11)."""

import logging
import threading
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from otp_service.config import Config
from otp_service.core import clock
from otp_service.core.services import services
from otp_service.sessions import jwk
from otp_service.sessions.key_folder import Entry, KeyFault, KeyFolder, KeyState

SHARED = "HS256"
CACHED_SECONDS = 300
"""How long other services may keep our public keys, and the metadata that leads to them."""

log = logging.getLogger(__name__)
_Stamp = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that signs. `kid` is None for a shared secret, which needs no name."""

    kid: str | None
    key: jwk.PrivateKey | str


class SigningKeys(Hashable, Protocol):
    """The keys of the running application, as key objects: parsing a PEM text each time costs more than signing."""

    def prepare(self) -> None:
        """Check that there is a key to sign with. Raises KeyFault."""

    def signer(self) -> Signer:
        """Return the key that signs now. Raises KeyFault."""

    def find_key(self, kid: str | None) -> jwk.PublicKey | bytes | None:
        """Return the key that verifies tokens with this key id; None if it is unknown, missing or retired."""

    def published(self) -> list[dict[str, str]]:
        """Return the public keys as JWKs."""


class SharedSecret:
    """HS256: one secret signs and verifies, and is never published."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def prepare(self) -> None:
        """Accept the secret: the settings were checked before."""

    def signer(self) -> Signer:
        """Return the secret."""
        return Signer(None, self._secret)

    def find_key(self, kid: str | None) -> bytes | None:
        """Return the secret for tokens that name no key."""
        return self._secret.encode() if kid is None else None

    def published(self) -> list[dict[str, str]]:
        """Return an empty list."""
        return []


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The content of the folder at one moment."""

    stamp: _Stamp
    signer: Signer | None
    entries: Mapping[str, Entry]
    public_keys: Mapping[str, jwk.PublicKey]
    private_keys: Mapping[str, jwk.PrivateKey]


class KeyPairs:
    """The keys of a folder, loaded once. A change of the manifest takes effect at the next use, without a restart."""

    def __init__(self, folder: KeyFolder, *, makes_missing: bool) -> None:
        self.folder = folder
        self._makes_missing = makes_missing
        self._loaded = _Loaded(None, None, {}, {}, {})
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Make a first key in development; in production require one. Raises KeyFault."""
        if self._makes_missing:
            self.folder.ensure(now=clock.now())
        self._loaded = self._load(self._stamp())
        self.signer()

    def signer(self) -> Signer:
        """Return the current key."""
        signer = self._fresh().signer
        if signer is None:
            raise KeyFault(f"{self.folder.directory} has no current key for {self.folder.algorithm}")
        return signer

    def find_key(self, kid: str | None) -> jwk.PublicKey | None:
        """Return an accepted key of the manifest.

        The next key is accepted before it signs here: another process may have noticed a rotation earlier (ADR 11).
        """
        loaded = self._fresh()
        entry = loaded.entries.get(kid or "")
        return loaded.public_keys[entry.kid] if entry and entry.is_accepted(clock.now()) else None

    def published(self) -> list[dict[str, str]]:
        """Return every accepted key, in the order in which they were made."""
        loaded, now = self._fresh(), clock.now()
        kept = [entry.kid for entry in loaded.entries.values() if entry.is_accepted(now)]
        return [jwk.public_jwk(loaded.public_keys[kid], self.folder.algorithm) for kid in kept]

    def _fresh(self) -> _Loaded:
        stamp = self._stamp()
        if stamp == self._loaded.stamp:
            return self._loaded
        # One thread reads the folder, the others wait for it; `_loaded` is replaced as a whole, so none sees a half.
        with self._lock:
            if stamp != self._loaded.stamp:
                self._loaded = self._reload(stamp)
        return self._loaded

    def _reload(self, stamp: _Stamp) -> _Loaded:
        try:
            loaded = self._load(stamp)
        except KeyFault:
            # Keep the last good keys (ADR 11). The new stamp is remembered, so the fault is logged once.
            log.exception("keys.unreadable")
            return replace(self._loaded, stamp=stamp)
        log.info("keys.loaded", extra={"keys": list(loaded.entries)})
        return loaded

    def _load(self, stamp: _Stamp) -> _Loaded:
        entries = {entry.kid: entry for entry in self.folder.entries()}
        if not entries:
            raise KeyFault(
                f"{self.folder.directory} has no key for {self.folder.algorithm}; make one with: flask keys generate"
            )
        known = self._loaded.private_keys
        private_keys = {kid: known.get(kid) or self.folder.private_key(kid) for kid in entries}
        current = next((kid for kid, entry in entries.items() if entry.state == KeyState.CURRENT), None)
        signer = Signer(current, private_keys[current]) if current else None
        public_keys = {kid: key.public_key() for kid, key in private_keys.items()}
        return _Loaded(stamp, signer, entries, public_keys, private_keys)

    def _stamp(self) -> _Stamp:
        """Return a value that changes whenever the manifest is replaced; costs two microseconds."""
        try:
            found = self.folder.manifest.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino


def from_config(config: Config) -> SigningKeys:
    """Make the keys that the settings name; no file is read yet."""
    if config.tokens.algorithm == SHARED:
        return SharedSecret(config.tokens.secret)
    folder = KeyFolder(config.tokens.keys_dir, config.tokens.algorithm)
    return KeyPairs(folder, makes_missing=not config.is_production)


def signing_keys() -> SigningKeys:
    """Return the running application's keys."""
    return services().signing_keys
