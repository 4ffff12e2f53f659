"""Access tokens: JWTs (RFC 7519) of one kind, one algorithm, one issuer and one audience."""

import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
from flask_jwt_extended import create_access_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException

from otp_service.core.settings import settings
from otp_service.sessions.errors import InvalidToken

KIND = "access"
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")  # PyJWT would also take padded parts
_HEADER = {"alg", "typ", "kid"}


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
    claims = {
        "typ": KIND,
        "sid": str(session_id),
        "amr": list(amr),
        "acr": acr,
        "auth_time": int(auth_time.timestamp()),
        "isVerified": is_verified,
    }
    lifetime = timedelta(seconds=settings().jwt_ttl_seconds)
    return str(create_access_token(str(user_id), additional_claims=claims, expires_delta=lifetime))


def read(token: str) -> Claims:
    """Check signature, kind and times of an access token. Raises InvalidToken, whatever is wrong."""
    if not _COMPACT.fullmatch(token):
        raise InvalidToken
    try:
        if not _HEADER.issuperset(jwt.get_unverified_header(token)):
            raise InvalidToken  # jwk, jku, x5u, crit: nothing that names a key or a rule of its own
        return _claims(decode_token(token))
    except (jwt.PyJWTError, JWTExtendedException, KeyError, TypeError, ValueError) as error:
        raise InvalidToken from error


def _claims(said: dict[str, Any]) -> Claims:
    if said["typ"] != KIND or said["type"] != KIND or "exp" not in said:
        raise InvalidToken
    return Claims(
        user_id=int(said["sub"]),
        session_id=uuid.UUID(said["sid"]),
        amr=tuple(said["amr"]),
        acr=str(said["acr"]),
        auth_time=int(said["auth_time"]),
    )
