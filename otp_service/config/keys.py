"""Reads the keys that sign tokens and encrypt at rest: required in production, generated and kept in development."""

import base64
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from otp_service.config.reader import Reader, is_weak
from otp_service.core.text import decoded_base64

JWT_ALGORITHMS = ("HS256", "ES256", "EdDSA", "RS256")
AES_KEY_BYTES = 32
DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings:
    """How access tokens are signed, and how long they and sessions live. `secret` is that of HS256.

    `clock_leeway_seconds` is how far the clocks of two machines may be apart (RFC 7519, section 4.1.5; ADR 28).
    """

    algorithm: str
    keys_dir: Path
    secret: str = field(repr=False)
    ttl_seconds: int
    issuer: str
    audience: str
    refresh_ttl_seconds: int
    refresh_idle_seconds: int
    clock_leeway_seconds: int
    max_sessions: int


def read_tokens(read: Reader, instance_dir: Path) -> TokenSettings:
    """Read JWT_*, REFRESH_* and MAX_SESSIONS."""
    algorithm = read.choice("JWT_ALGORITHM", JWT_ALGORITHMS, default="HS256", fold=_spelled_algorithm)
    secret = read.secret("JWT_SECRET", default=None, minimum=32)
    if not read.production:
        secret = secret or _kept(read, "JWT_SECRET", instance_dir, lambda: secrets.token_urlsafe(48))
    if secret is None and algorithm == "HS256":
        read.fault("JWT_SECRET", "is not set", "hold a random text of 32 characters or more (openssl rand -base64 48)")
    elif read.production and secret is not None and is_weak(secret):
        read.fault("JWT_SECRET", "holds a weak or example value", "hold a random text (openssl rand -base64 48)")
    return TokenSettings(
        algorithm=algorithm,
        keys_dir=Path(read.text("JWT_KEYS_DIR", default=str(instance_dir / "keys"))),
        secret=secret or "",
        ttl_seconds=read.duration("JWT_EXPIRES_IN", default=900, low=30, high=DAY),
        issuer=read.text("JWT_ISSUER", default="otp_service"),
        audience=read.text("JWT_AUDIENCE", default="otp_service"),
        refresh_ttl_seconds=read.duration(
            "REFRESH_TTL", default=DAY if read.strict else 30 * DAY, low=60, high=400 * DAY
        ),
        refresh_idle_seconds=read.duration(
            "REFRESH_IDLE", default=3_600 if read.strict else 30 * DAY, low=60, high=400 * DAY
        ),
        clock_leeway_seconds=read.duration("CLOCK_LEEWAY", default=5, low=0, high=60),
        max_sessions=read.integer("MAX_SESSIONS", default=50, low=1, high=10_000),
    )


def read_encryption_keys(read: Reader, instance_dir: Path) -> tuple[bytes, ...]:
    """Read ENCRYPTION_KEY: one or more AES-256 keys, the newest first."""
    text = read.secret("ENCRYPTION_KEY", default=None)
    if not read.production:
        text = text or _kept(read, "ENCRYPTION_KEY", instance_dir, _new_encryption_key)
    if text is None:
        read.fault("ENCRYPTION_KEY", "is not set", "hold 32 random bytes in base64 (openssl rand -base64 32)")
        return ()
    keys = tuple(decoded_base64(word.strip()) for word in text.split(",") if word.strip())
    if text and (not keys or any(len(key) != AES_KEY_BYTES for key in keys)):
        read.fault("ENCRYPTION_KEY", "is not 32 bytes", "hold 32 bytes in base64, several keys with commas")
    elif read.production and any(map(is_weak, keys)):
        read.fault("ENCRYPTION_KEY", "holds a weak value", "hold random bytes (openssl rand -base64 32)")
    return keys


def read_instance_dir(read: Reader, *, root: Path) -> Path:
    """Read INSTANCE_DIR, and make the folder, so that what is wrong with it is reported with the other faults."""
    path = Path(read.text("INSTANCE_DIR", default=str(root / "instance")))
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds secrets and, with SQLite, all personal data
    except OSError as error:
        _reject_folder(read, error)
    return path


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """Return the secret in `path`, readable by its owner only. The first call makes it, in exactly one process."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(make())
        try:
            os.link(draft, path)  # atomic: it fails if another process was first, whose secret then counts
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="utf-8").strip()


def _spelled_algorithm(text: str) -> str:
    """Return the algorithm in the letter case of RFC 7518 and RFC 8037."""
    return next((name for name in JWT_ALGORITHMS if name.lower() == text.lower()), text)


def _kept(read: Reader, name: str, instance_dir: Path, make: Callable[[], str]) -> str:
    path = instance_dir / name.lower()
    try:
        kept = kept_secret(path, make)
    except OSError as error:
        return _reject_folder(read, error)
    if len(kept) < AES_KEY_BYTES:
        read.fault(name, f"is cut short in {path}", "be restored there, or deleted with all that it protects")
    return kept


def _new_encryption_key() -> str:
    return base64.b64encode(secrets.token_bytes(AES_KEY_BYTES)).decode()


def _reject_folder(read: Reader, error: OSError) -> str:
    return read.fault("INSTANCE_DIR", f"cannot be used ({type(error).__name__})", "name a folder to write to")
