"""Access tokens: JWTs (RFC 7519) of one kind, one algorithm, one issuer and one audience."""

import base64
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
import orjson
from flask import current_app
from flask_jwt_extended import create_access_token

from otp_service.core import clock
from otp_service.core.settings import settings
from otp_service.extensions import jwt as extension
from otp_service.sessions.errors import InvalidToken
from otp_service.sessions.jwk import PublicKey
from otp_service.sessions.signing_keys import Signer, signing_keys

KIND = "access"
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_SUBJECT = re.compile(r"[1-9][0-9]{0,9}")


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
    """Check header, signature, issuer, audience, kind and times of an access token. Raises InvalidToken.

    The signature is checked by PyJWT's own code for the one algorithm. Its `decode` would look at each letter of the
    token, and at the form of a shared secret, with every request.
    """
    if not _COMPACT.fullmatch(token):
        raise InvalidToken
    signed, _, signature = token.rpartition(".")
    header, _, claims = signed.partition(".")
    try:
        key = _find_key(orjson.loads(_decoded(header)))
        algorithm = jwt.get_algorithm_by_name(current_app.config["JWT_ALGORITHM"])
        if key is None or not algorithm.verify(signed.encode(), key, _decoded(signature)):
            raise InvalidToken
        return _claims(orjson.loads(_decoded(claims)))
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidToken from error


def _decoded(part: str) -> bytes:
    """The bytes of a part. Raises ValueError for a second spelling: base64 leaves bits in the last letter unused."""
    raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        raise ValueError("a part that is spelt otherwise than its bytes")
    return raw


def _find_key(header: Any) -> PublicKey | bytes | None:
    """The key that the header names, and only names: jwk, jku, x5u and crit are rules of somebody else's."""
    if not isinstance(header, dict):
        return None
    named = {"kid": header["kid"]} if "kid" in header else {}
    if header != {"alg": current_app.config["JWT_ALGORITHM"], "typ": "JWT", **named}:
        return None
    return signing_keys().find_checker(named.get("kid"))


def _claims(said: dict[str, Any]) -> Claims:
    config = current_app.config
    is_ours = said["iss"] == config["JWT_DECODE_ISSUER"] and said["aud"] == config["JWT_DECODE_AUDIENCE"]
    is_access = said["typ"] == KIND and said["type"] == KIND
    is_in_time = said["nbf"] <= clock.now().timestamp() < said["exp"]
    is_named = isinstance(said["jti"], str) and isinstance(said["iat"], int)
    if not (is_ours and is_access and is_in_time and is_named and _SUBJECT.fullmatch(said["sub"])):
        raise InvalidToken
    return Claims(
        user_id=int(said["sub"]),
        session_id=uuid.UUID(str(said["sid"])),
        amr=tuple(said["amr"]),
        acr=str(said["acr"]),
        auth_time=int(said["auth_time"]),
    )
