"""Challenge tokens: a right password earns one, and one second factor within ten minutes completes it."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, Update, func, select, update
from sqlalchemy.orm import aliased

from otp_service.accounts import numbers, users
from otp_service.accounts.users import Account
from otp_service.auth.models import Challenge
from otp_service.core.crypto.secrets import keyring, new_token
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.rows import rows_about
from otp_service.core.database.statements import Given, prepared, prepared_insert
from otp_service.core.database.transactions import execute, fetch_one, transaction
from otp_service.core.services import settings
from otp_service.core.web.tracing import concerns
from otp_service.sessions.errors import InvalidToken

_PURPOSE = "challenge token"
_add = prepared_insert(Challenge)


@dataclass(frozen=True, slots=True)
class IssuedChallenge:
    """A challenge just issued. The token is shown once; `expires_in` is in seconds."""

    id: uuid.UUID
    token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class OpenChallenge:
    """A challenge that can still be completed, with the account that it was issued to."""

    id: uuid.UUID
    account: Account
    created_at: datetime
    is_known: bool
    adopted_code: uuid.UUID | None

    def is_void(self, account: Account) -> bool:
        """Whether an act since has voided it, from the account as it stands now."""
        return account.has_voided(self.created_at, to_stranger=not self.is_known)


def issue(user_id: int, *, is_known: bool, now: datetime) -> IssuedChallenge:
    """Issue a challenge to a user whose password was right, from a client that the account knows or does not."""
    issued = IssuedChallenge(uuid.uuid4(), new_token("ch"), settings().sign_in.challenge_ttl_seconds)
    with transaction():
        execute(
            *_add(
                id=issued.id,
                user_id=user_id,
                token_hash=keyring().digest(issued.token, purpose=_PURPOSE),
                is_known=is_known,
                created_at=now,
                expires_at=now + timedelta(seconds=issued.expires_in),
            )
        )
    return issued


def adopt(challenge: IssuedChallenge, verification_id: uuid.UUID) -> None:
    """Let a code that is on its way to the user complete this challenge as well (ADR 29)."""
    with transaction():
        execute(*_of_id(challenge.id, adopted_code=verification_id))


def find_open(token: str, *, now: datetime) -> OpenChallenge:
    """Return the challenge of a token. Raises InvalidToken if it is unknown, spent, expired or void.

    Only the newest MAX_OPEN_CHALLENGES of a user are open.
    """
    most = settings().sign_in.max_open_challenges
    row = fetch_one(*_open(keyring().digests(token, purpose=_PURPOSE), now, most))
    if row is None:
        raise InvalidToken
    concerns(row.user_id)
    account = users.get_bearer(row.user_id)
    challenge = OpenChallenge(row.id, account, row.created_at, row.is_known, row.adopted_code)
    if account.locked_at is not None or challenge.is_void(account):
        raise InvalidToken
    return challenge


def spend(challenge: OpenChallenge, *, now: datetime) -> None:
    """Spend the challenge in the transaction that opens the session.

    Raises InvalidToken if another request was faster, or if the challenge was voided while the factor was checked.
    """
    with transaction():
        # The turn of the number before the lock on the account: the proof may verify the number (ADR 17).
        numbers.queue(challenge.account)
        account = users.find_and_hold(challenge.account.id)
        # Checked again under the lock: an operator or a new password may have come in between.
        if account is None or challenge.is_void(account):
            raise InvalidToken
        # A challenge opens one session: of parallel requests, the conditional update lets one win (ADR 3, ADR 4).
        if execute(*_unspent(challenge.id, spent_at=now)).rowcount != 1:
            raise InvalidToken


@prepared
def _open(token_hashes: Given, now: Given, most: Given) -> Select[Any]:
    is_open = Challenge.spent_at.is_(None) & (Challenge.expires_at > now)
    newer = aliased(Challenge)
    # Those of strangers and of known clients apart: a thief of the password must not void what the owner began.
    is_newer = (newer.user_id == Challenge.user_id) & (newer.is_known == Challenge.is_known)
    is_newer &= newer.spent_at.is_(None) & (newer.expires_at > now) & (newer.created_at > Challenge.created_at)
    is_open &= select(func.count()).where(is_newer).scalar_subquery() < most
    columns = (Challenge.id, Challenge.user_id, Challenge.created_at, Challenge.is_known, Challenge.adopted_code)
    return select(*columns).where(Challenge.token_hash.in_(token_hashes), is_open)


@prepared
def _of_id(challenge_id: Given) -> Update:
    return update(Challenge).where(Challenge.id == challenge_id)


@prepared
def _unspent(challenge_id: Given) -> Update:
    return update(Challenge).where(Challenge.id == challenge_id, Challenge.spent_at.is_(None))


def personal_data(user_id: int) -> list[dict[str, Any]]:
    """Return the user's challenges, without their tokens."""
    columns = (Challenge.created_at, Challenge.id, Challenge.expires_at, Challenge.spent_at)
    return rows_about(Challenge.user_id == user_id, *columns)


def forget(before: datetime) -> int:
    """Delete challenges that expired before a time; return how many."""
    return delete_in_batches(Challenge, Challenge.expires_at < before)
