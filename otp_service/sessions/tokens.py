"""Access tokens: JWTs (RFC 7519) of one kind, one algorithm, one issuer and one audience."""

import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import jwt
from flask_jwt_extended import create_access_token
from jwt.types import Options

from otp_service.core import clock
from otp_service.core.services import settings
from otp_service.extensions import jwt as extension
from otp_service.sessions.errors import InvalidToken
from otp_service.sessions.signing_keys import Signer, SigningKeys, signing_keys

KIND = "access"
LONGEST_TOKEN = 4_096
"""Characters. PyJWT looks at each of them, so a longer text is refused before it costs anything."""

REMEMBERED_TOKENS = 4_096
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_SUBJECT = re.compile(r"[1-9][0-9]{0,9}")
_WORD = re.compile(r"[a-z0-9_]{1,20}")
_OPTIONS: Options = {
    "require": ["iss", "aud", "sub", "jti", "iat", "nbf", "exp"],
    "strict_aud": True,
    # `read` compares the times at each use, with the service's own clock.
    "verify_iat": False,
    "verify_nbf": False,
    "verify_exp": False,
}


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in user: how and when the user signed in, and in which session.

    The session stores these facts, its access tokens state them, and routes receive them. `amr` as in RFC 8176, `acr`
    one of NIST SP 800-63B's levels. A new sign-in gets the id of a new session.
    """

    user_id: int
    amr: tuple[str, ...]
    acr: str
    authenticated_at: datetime
    is_verified: bool
    session_id: uuid.UUID = field(default_factory=uuid.uuid4)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a sign-in or a refresh.

    `expires_in` is the access token's lifetime, `session_seconds` what the session has left without a refresh, both in
    seconds.
    """

    token: str
    expires_in: int
    refresh_token: str
    session_id: uuid.UUID
    session_seconds: int
    token_type: str = "Bearer"  # noqa: S105 - a scheme, RFC 6750


@dataclass(frozen=True, slots=True)
class SteppedUp:
    """A new access token of the same session; `expires_in` in seconds. The refresh token stays."""

    token: str
    expires_in: int
    session_id: uuid.UUID
    acr: str
    token_type: str = "Bearer"  # noqa: S105 - a scheme, RFC 6750


def hand_out(caller: Caller, *, refresh_token: str, session_seconds: int) -> Tokens:
    """Sign the access token that goes with a refresh token."""
    return Tokens(issue(caller), settings().tokens.ttl_seconds, refresh_token, caller.session_id, session_seconds)


def issue(caller: Caller) -> str:
    """Sign an access token."""
    now = int(clock.now().timestamp())
    claims = {
        "typ": KIND,
        "iat": now,
        "nbf": now,
        "exp": now + settings().tokens.ttl_seconds,
        "sid": str(caller.session_id),
        "amr": list(caller.amr),
        "acr": caller.acr,
        "auth_time": int(caller.authenticated_at.timestamp()),
        "isVerified": caller.is_verified,
    }
    subject = _Subject(str(caller.user_id), signing_keys().signer())
    return str(create_access_token(subject, additional_claims=claims))


@dataclass(frozen=True, slots=True)
class _Subject:
    """The user's id, with the key that signs: header and signature agree even if the keys rotate meanwhile (ADR 11)."""

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


@dataclass(frozen=True, slots=True)
class AccessToken:
    """The lasting part of a token's verification: the signature, and the claims that do not depend on the time.

    `issued_at`, `not_before` and `expires_at` are seconds since 1970, `kid` is the id of the key that signed.
    """

    caller: Caller
    kid: str | None
    issued_at: int
    not_before: int
    expires_at: int


def read(token: str) -> Caller:
    """Verify an access token and return whose it is. Raises InvalidToken."""
    return inspect(token).caller


def inspect(token: str) -> AccessToken:
    """Verify an access token and return what it says. Raises InvalidToken.

    Its session may have ended: whether it lives, only the database knows.
    """
    keys = signing_keys()
    verified = _verify(token, keys)
    # Both may have changed since the token was first seen: a key is retired at once (ADR 11), and time passes.
    is_accepted = keys.find_key(verified.kid) is not None
    now, leeway = clock.now().timestamp(), settings().tokens.clock_leeway_seconds
    # Another machine's clock may be ahead, so a token may seem to come from the future. Its end is strict: a token that
    # lives longer than it says would outlive what the person was shown (ADR 28).
    if not (is_accepted and verified.not_before - leeway <= now < verified.expires_at):
        raise InvalidToken
    return verified


@lru_cache(maxsize=REMEMBERED_TOKENS)
def _verify(token: str, keys: SigningKeys) -> AccessToken:
    """Verify a token once in its life: PyJWT takes longer than the rest of a short request's own code (ADR 11).

    Only good tokens are remembered, since an error is not. Raises InvalidToken.
    """
    # PyJWT accepts "=" at the end of a part (RFC 7515, section 2, does not): a token has one spelling.
    if len(token) > LONGEST_TOKEN or not _COMPACT.fullmatch(token):
        raise InvalidToken
    algorithm = settings().tokens.algorithm
    try:
        header = jwt.get_unverified_header(token)
        kid = header.get("kid")
        key = keys.find_key(kid)
        # Exactly ours: jwk, jku, x5u and crit would let a token choose its key or its rules (RFC 8725, section 3).
        expected = {"alg": algorithm, "typ": "JWT", **({} if kid is None else {"kid": kid})}
        if key is None or header != expected:
            raise InvalidToken
        issuer, audience = settings().tokens.issuer, settings().tokens.audience
        claims = jwt.decode(token, key, [algorithm], _OPTIONS, issuer=issuer, audience=audience)
        issued_at = _seconds(claims["iat"])
        not_before = max(_seconds(claims["nbf"]), issued_at)
        return AccessToken(_caller(claims), kid, issued_at, not_before, _seconds(claims["exp"]))
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidToken from error


def _caller(claims: dict[str, Any]) -> Caller:
    """Raises InvalidToken, and what a claim of another type raises."""
    # `typ` is ours, `type` flask-jwt-extended's: a token of another kind opens no route (RFC 8725, section 3.11).
    is_access = claims["typ"] == KIND and claims["type"] == KIND
    if not (is_access and _SUBJECT.fullmatch(claims["sub"])):
        raise InvalidToken
    return Caller(
        user_id=int(claims["sub"]),
        amr=tuple(map(_word, claims["amr"])),
        acr=_word(claims["acr"]),
        authenticated_at=datetime.fromtimestamp(_seconds(claims["auth_time"]), UTC),
        is_verified=bool(claims["isVerified"]),
        session_id=uuid.UUID(str(claims["sid"])),
    )


def _word(claim: Any) -> str:
    """A name as this service writes it: forward auth puts it into a header. Raises TypeError, InvalidToken."""
    if not _WORD.fullmatch(claim):
        raise InvalidToken
    return str(claim)


def _seconds(claim: Any) -> int:
    """A NumericDate as this service writes it. Raises TypeError for NaN, fractions and texts."""
    if not isinstance(claim, int):
        raise TypeError("not a whole number of seconds")
    return claim
