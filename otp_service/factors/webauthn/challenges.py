"""The challenges that authenticators sign: each is for one scope, and can be spent once."""

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.transactions import execute, fetch_one, transaction
from otp_service.factors.webauthn.ceremonies import CHALLENGE_BYTES
from otp_service.factors.webauthn.errors import PasskeyInvalid, PasskeyRejected
from otp_service.factors.webauthn.models import WebAuthnChallenge
from otp_service.verifications.states import Purpose

TTL = timedelta(minutes=5)
_HASHED = "webauthn challenge"


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


def find_open(challenge: bytes, scope: Scope, *, now: datetime) -> uuid.UUID:
    """Return the id of a challenge of this scope that is neither spent nor expired. Raises PasskeyRejected."""
    row = fetch_one(
        select(WebAuthnChallenge.id).where(
            WebAuthnChallenge.challenge_hash.in_(keyring().digests(challenge.hex(), purpose=_HASHED)),
            WebAuthnChallenge.purpose == scope.purpose,
            WebAuthnChallenge.user_id == scope.user_id,  # None compares as IS NULL
            WebAuthnChallenge.bound_to == scope.bound_to,
            WebAuthnChallenge.spent_at.is_(None),
            WebAuthnChallenge.expires_at > now,
        )
    )
    if row is None:
        raise PasskeyRejected("the challenge is unknown, spent, expired, or for something else")
    challenge_id: uuid.UUID = row.id
    return challenge_id


def spend(challenge_id: uuid.UUID, *, now: datetime) -> None:
    """Spend a challenge in the open transaction of the act that it allows. Raises PasskeyInvalid if it is spent."""
    # Conditional: of parallel uses of one signature exactly one finds the challenge unspent (ADR 3).
    is_open = (WebAuthnChallenge.id == challenge_id) & WebAuthnChallenge.spent_at.is_(None)
    if execute(update(WebAuthnChallenge).where(is_open).values(spent_at=now)).rowcount != 1:
        raise PasskeyInvalid


def void(user_id: int) -> None:
    """Delete the challenges that were offered to a user, in the open transaction."""
    execute(delete(WebAuthnChallenge).where(WebAuthnChallenge.user_id == user_id))


def forget(before: datetime) -> int:
    """Delete the challenges that expired before a time. Return how many."""
    return delete_in_batches(WebAuthnChallenge, WebAuthnChallenge.expires_at < before)
