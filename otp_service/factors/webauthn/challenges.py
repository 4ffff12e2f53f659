"""The challenges that authenticators sign: each is for one user, one purpose and one sign-in or session, once."""

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.transactions import execute, fetch_one, transaction
from otp_service.factors.webauthn.ceremonies import CHALLENGE_BYTES
from otp_service.factors.webauthn.errors import PasskeyInvalid, Refused
from otp_service.factors.webauthn.models import WebAuthnChallenge
from otp_service.verifications.states import Purpose

TTL = timedelta(minutes=5)
_HASHED = "webauthn challenge"


@dataclass(frozen=True, slots=True)
class Errand:
    """Who has to sign, for what, within which sign-in or session. Nobody is named where a passkey says who it is."""

    purpose: Purpose
    user_id: int | None = None
    bound_to: uuid.UUID | None = None


def issue(errand: Errand, *, now: datetime) -> bytes:
    """A new challenge, good for five minutes."""
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    with transaction():
        execute(
            insert(WebAuthnChallenge).values(
                id=uuid.uuid4(),
                user_id=errand.user_id,
                purpose=errand.purpose,
                bound_to=errand.bound_to,
                challenge_hash=keyring().digest(challenge.hex(), purpose=_HASHED),
                expires_at=now + TTL,
            )
        )
    return challenge


def find_open(challenge: bytes, errand: Errand, *, now: datetime) -> uuid.UUID:
    """The id of a challenge that was given out for this errand and is neither spent nor expired. Raises Refused."""
    row = fetch_one(
        select(WebAuthnChallenge.id).where(
            WebAuthnChallenge.challenge_hash.in_(keyring().digests(challenge.hex(), purpose=_HASHED)),
            WebAuthnChallenge.purpose == errand.purpose,
            WebAuthnChallenge.user_id == errand.user_id,  # None: IS NULL
            WebAuthnChallenge.bound_to == errand.bound_to,
            WebAuthnChallenge.spent_at.is_(None),
            WebAuthnChallenge.expires_at > now,
        )
    )
    if row is None:
        raise Refused("the challenge is unknown, spent, expired, or for something else")
    challenge_id: uuid.UUID = row.id
    return challenge_id


def spend(challenge_id: uuid.UUID, *, now: datetime) -> None:
    """Use a challenge up, in the open transaction of what it is for. Raises PasskeyInvalid when another was faster."""
    is_open = (WebAuthnChallenge.id == challenge_id) & WebAuthnChallenge.spent_at.is_(None)
    if execute(update(WebAuthnChallenge).where(is_open).values(spent_at=now)).rowcount != 1:
        raise PasskeyInvalid


def forget(before: datetime) -> int:
    """Delete challenges that expired before a time; how many there were."""
    with transaction():
        return int(execute(delete(WebAuthnChallenge).where(WebAuthnChallenge.expires_at < before)).rowcount)
