"""Reads what signs tokens and what encrypts at rest: given in production, made and kept in development."""

import base64
import secrets
from collections.abc import Callable
from pathlib import Path

from otp_service.core.settings import Reader, decoded_base64, is_weak, kept_secret

JWT_ALGORITHMS = ("HS256", "ES256", "EdDSA", "RS256")
AES_KEY_BYTES = 32


def read_keys(read: Reader, instance_dir: Path, *, production: bool) -> dict[str, object]:
    """In development both secrets are made at the first start and kept; in production they must be given."""
    algorithm = read.choice("JWT_ALGORITHM", JWT_ALGORITHMS, default="HS256", fold=_spelled_algorithm)
    jwt_secret = read.secret("JWT_SECRET", default=None, minimum=32)
    keys_text = read.secret("ENCRYPTION_KEY", default=None)
    if not production:
        jwt_secret = jwt_secret or _kept(read, "JWT_SECRET", instance_dir, lambda: secrets.token_urlsafe(48))
        keys_text = keys_text or _kept(read, "ENCRYPTION_KEY", instance_dir, _new_encryption_key)
    if jwt_secret is None and algorithm == "HS256":
        read.fault(
            "JWT_SECRET",
            "is not set",
            "hold a random text of 32 characters or more (openssl rand -base64 48)",
        )
    elif production and jwt_secret is not None and is_weak(jwt_secret):
        read.fault("JWT_SECRET", "holds a weak or example value", "hold a random text (openssl rand -base64 48)")
    if keys_text is None:
        read.fault("ENCRYPTION_KEY", "is not set", "hold 32 random bytes in base64 (openssl rand -base64 32)")
    return {
        "jwt_algorithm": algorithm,
        "jwt_keys_dir": Path(read.text("JWT_KEYS_DIR", default=str(instance_dir / "keys"))),
        "jwt_secret": jwt_secret or "",
        "encryption_keys": _encryption_keys(read, keys_text or "", production=production),
        "jwt_ttl_seconds": read.duration("JWT_EXPIRES_IN", default=900, low=30, high=86_400),
        "jwt_issuer": read.text("JWT_ISSUER", default="otp_service"),
        "jwt_audience": read.text("JWT_AUDIENCE", default="otp_service"),
        "challenge_ttl_seconds": 600,
    }


def _spelled_algorithm(text: str) -> str:
    """The algorithm in the letter case that RFC 7518 and RFC 8037 give it."""
    return next((name for name in JWT_ALGORITHMS if name.lower() == text.lower()), text)


def _kept(read: Reader, name: str, instance_dir: Path, make: Callable[[], str]) -> str:
    path = instance_dir / name.lower()
    try:
        kept = kept_secret(path, make)
    except OSError as error:
        return refuse_folder(read, error)
    if len(kept) < AES_KEY_BYTES:
        read.fault(name, f"is cut short in {path}", "be restored there, or deleted with all that it protects")
    return kept


def _new_encryption_key() -> str:
    return base64.b64encode(secrets.token_bytes(AES_KEY_BYTES)).decode()


def _encryption_keys(read: Reader, text: str, *, production: bool) -> tuple[bytes, ...]:
    keys = tuple(decoded_base64(word.strip()) for word in text.split(",") if word.strip())
    if text and (not keys or any(len(key) != AES_KEY_BYTES for key in keys)):
        read.fault("ENCRYPTION_KEY", "is not 32 bytes", "hold 32 bytes in base64, several keys with commas")
    elif production and any(map(is_weak, keys)):
        read.fault("ENCRYPTION_KEY", "holds a weak value", "hold random bytes (openssl rand -base64 32)")
    return keys


def refuse_folder(read: Reader, error: OSError) -> str:
    return read.fault("INSTANCE_DIR", f"cannot be used ({type(error).__name__})", "name a folder to write to")
