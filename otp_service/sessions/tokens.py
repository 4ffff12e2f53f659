"""Access tokens: JWTs (RFC 7519) of one kind, one algorithm, one issuer and one audience."""

import base64
import json
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
from flask import current_app
from flask_jwt_extended import create_access_token
from jwt.types import Options

from otp_service.core import clock
from otp_service.core.settings import settings
from otp_service.extensions import jwt as extension
from otp_service.sessions.errors import InvalidToken
from otp_service.sessions.jwk import PublicKey
from otp_service.sessions.signing_keys import Signer, signing_keys

KIND = "access"
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")  # PyJWT would also take padded parts
_SUBJECT = re.compile(r"[1-9][0-9]{0,9}")
_OPTIONS: Options = {
    "require": ["iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp", "typ", "type"],
    "verify_iat": False,  # PyJWT has a clock of its own; times are compared below
    "verify_nbf": False,
    "verify_exp": False,
}


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a sign-in or a refresh hands out. `expires_in` is the access token's life in seconds."""

    token: str
    expires_in: int
    refresh_token: str
    session_id: uuid.UUID
    token_type: str = "Bearer"  # noqa: S105 - a scheme, RFC 6750


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid access token says."""

    user_id: int
    session_id: uuid.UUID
    amr: tuple[str, ...]
    acr: str
    auth_time: int


def issue(
    *, user_id: int, session_id: uuid.UUID, amr: tuple[str, ...], acr: str, auth_time: datetime, is_verified: bool
) -> str:
    """Sign an access token."""
    now = int(clock.now().timestamp())
    claims = {
        "typ": KIND,
        "iat": now,
        "nbf": now,
        "exp": now + settings().jwt_ttl_seconds,
        "sid": str(session_id),
        "amr": list(amr),
        "acr": acr,
        "auth_time": int(auth_time.timestamp()),
        "isVerified": is_verified,
    }
    subject = _Subject(str(user_id), signing_keys().signer())
    return str(create_access_token(subject, additional_claims=claims))


@dataclass(frozen=True, slots=True)
class _Subject:
    """For whom a token is, and what signs it: one look at the keys, so that header and signature agree."""

    id: str
    signer: Signer


@extension.user_identity_loader
def _id(subject: _Subject) -> str:
    return subject.id


@extension.encode_key_loader
def _key(subject: _Subject) -> Any:
    return subject.signer.key


@extension.additional_headers_loader
def _headers(subject: _Subject) -> dict[str, str]:
    return {"kid": subject.signer.kid} if subject.signer.kid else {}


def read(token: str) -> Claims:
    """Check header, signature, kind and times of an access token. Raises InvalidToken, whatever is wrong."""
    if not _COMPACT.fullmatch(token):
        raise InvalidToken
    try:
        key = _find_key(_header(token))
        if key is None or not _is_canonical(token.rpartition(".")[2]):
            raise InvalidToken
        return _claims(_verified(token, key))
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise InvalidToken from error


def _header(token: str) -> Any:
    """What the token says of itself, before anything is checked; PyJWT's own look at it would parse the whole token."""
    part = token.partition(".")[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _is_canonical(signature: str) -> bool:
    """Whether it is the one spelling of its bytes: base64 leaves bits in the last letter that mean nothing."""
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == signature


def _find_key(header: Any) -> PublicKey | str | None:
    """The key that the header names, and only names: jwk, jku, x5u and crit are rules of somebody else's."""
    if not isinstance(header, dict):
        return None
    named = {"kid": header["kid"]} if "kid" in header else {}
    if header != {"alg": current_app.config["JWT_ALGORITHM"], "typ": "JWT", **named}:
        return None
    return signing_keys().find_checker(named.get("kid"))


def _verified(token: str, key: PublicKey | str) -> dict[str, Any]:
    config = current_app.config
    said: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=[config["JWT_ALGORITHM"]],
        issuer=config["JWT_DECODE_ISSUER"],
        audience=config["JWT_DECODE_AUDIENCE"],
        options=_OPTIONS,
    )
    return said


def _claims(said: dict[str, Any]) -> Claims:
    is_in_time = said["nbf"] <= clock.now().timestamp() < said["exp"]
    if not is_in_time or said["typ"] != KIND or said["type"] != KIND or not _SUBJECT.fullmatch(said["sub"]):
        raise InvalidToken
    return Claims(
        user_id=int(said["sub"]),
        session_id=uuid.UUID(str(said["sid"])),
        amr=tuple(said["amr"]),
        acr=str(said["acr"]),
        auth_time=int(said["auth_time"]),
    )
