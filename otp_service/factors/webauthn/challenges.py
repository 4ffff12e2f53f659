"""The challenges that authenticators sign: each is for one scope, and can be spent once."""

import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, insert, update

from otp_service.accounts import earned
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.transactions import execute, transaction, upsert
from otp_service.core.text import decoded_base64
from otp_service.factors.webauthn.ceremonies import CHALLENGE_BYTES
from otp_service.factors.webauthn.errors import PasskeyRejected
from otp_service.factors.webauthn.models import WebAuthnChallenge
from otp_service.verifications.states import Purpose

TTL = timedelta(minutes=5)
_HASHED, _SEALED = "webauthn challenge", "passkey challenge"
_TIME_BYTES, _RANDOM_BYTES, _SEAL_BYTES = 6, 10, 16
_BODY_BYTES = _TIME_BYTES + _RANDOM_BYTES


@dataclass(frozen=True, slots=True)
class Scope:
    """The purpose, user, and sign-in or session that a challenge is for.

    Without a `user_id` any user may sign it: the passkey names its user.
    """

    purpose: Purpose
    user_id: int | None = None
    bound_to: uuid.UUID | None = None


def issue(scope: Scope, *, now: datetime) -> bytes:
    """Issue a challenge, which expires after five minutes."""
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    with transaction():
        execute(
            insert(WebAuthnChallenge).values(
                id=uuid.uuid4(),
                user_id=scope.user_id,
                purpose=scope.purpose,
                bound_to=scope.bound_to,
                challenge_hash=keyring().digest(challenge.hex(), purpose=_HASHED),
                expires_at=now + TTL,
            )
        )
    return challenge


def issue_alone(*, now: datetime) -> bytes:
    """Issue a challenge that any user may sign. It is signed and not stored, so that strangers fill no table."""
    body = int(now.timestamp() * 1000).to_bytes(_TIME_BYTES) + secrets.token_bytes(_RANDOM_BYTES)
    return body + _seals(body)[0]


def take(challenge: bytes, scope: Scope, *, now: datetime) -> None:
    """Spend a challenge of this scope, whatever the response is worth. Raises PasskeyRejected.

    A challenge is for one response (WebAuthn, section 13.4.3), so it is spent before the response is checked.
    """
    # Conditional: of parallel uses of one challenge, one statement finds it unspent (ADR 3).
    with transaction():
        is_taken = _insert_spent(challenge, now) if scope.user_id is None else _spend(challenge, scope, now)
    if not is_taken:
        raise PasskeyRejected("the challenge is unknown, spent, expired, or for something else")


def _spend(challenge: bytes, scope: Scope, now: datetime) -> bool:
    is_open = (
        WebAuthnChallenge.challenge_hash.in_(keyring().digests(challenge.hex(), purpose=_HASHED)),
        WebAuthnChallenge.purpose == scope.purpose,
        WebAuthnChallenge.user_id == scope.user_id,
        WebAuthnChallenge.bound_to == scope.bound_to,
        WebAuthnChallenge.spent_at.is_(None),
        WebAuthnChallenge.expires_at > now,
    )
    return execute(update(WebAuthnChallenge).where(*is_open).values(spent_at=now)).rowcount == 1


def _insert_spent(challenge: bytes, now: datetime) -> bool:
    """Store that a challenge of `issue_alone` was used. The unique hash decides between parallel uses."""
    body, seal = challenge[:_BODY_BYTES], challenge[_BODY_BYTES:]
    if not _is_ours(body, seal):
        return False
    issued_at = datetime.fromtimestamp(int.from_bytes(body[:_TIME_BYTES]) / 1000, tz=UTC)
    if issued_at <= now - TTL:
        return False
    row = {
        "id": uuid.uuid4(),
        "user_id": None,
        "purpose": Purpose.PASSKEY,
        "bound_to": None,
        # The same under every key in use, else a rotation would let it be used twice.
        "challenge_hash": hashlib.sha256(challenge).hexdigest(),
        "expires_at": issued_at + TTL,
        "spent_at": now,
    }
    once = upsert(WebAuthnChallenge).values(row).on_conflict_do_nothing(index_elements=["challenge_hash"])
    return bool(execute(once).rowcount == 1)


def _is_ours(body: bytes, seal: bytes) -> bool:
    is_whole = len(body) == _BODY_BYTES
    return is_whole and any(hmac.compare_digest(seal, one) for one in _seals(body))


def _seals(body: bytes) -> tuple[bytes, ...]:
    digests = keyring().digests(body.hex(), purpose=_SEALED)
    return tuple(decoded_base64(one, needs_padding=False)[:_SEAL_BYTES] for one in digests)


def void(user_id: int | None) -> None:
    """Delete the challenges that were offered to a user, or to all users, in the open transaction."""
    execute(delete(WebAuthnChallenge).where(earned.is_user(WebAuthnChallenge.user_id, user_id)))


def forget(before: datetime) -> int:
    """Delete the challenges that expired before a time. Return how many."""
    return delete_in_batches(WebAuthnChallenge, WebAuthnChallenge.expires_at < before)
