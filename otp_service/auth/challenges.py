"""Challenge tokens: a right password earns one, and one second factor within ten minutes completes it."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, Update, func, select, update
from sqlalchemy.orm import aliased

from otp_service.accounts import numbers, users
from otp_service.accounts.users import Account
from otp_service.anomalies import Others
from otp_service.auth import origins
from otp_service.auth.models import Challenge
from otp_service.core.crypto.secrets import keyring, new_token
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.rows import rows_about
from otp_service.core.database.statements import Given, prepared, prepared_insert
from otp_service.core.database.transactions import execute, execute_later, fetch_one, transaction
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo, concerns
from otp_service.factors.contract import Factor
from otp_service.factors.strength import Strength
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
    needs: Strength | None
    address_hash: str | None
    others: Others

    def is_void(self, account: Account) -> bool:
        """Whether an act since has voided it, from the account as it stands now."""
        return account.has_voided(self.created_at, to_stranger=not self.is_known)

    def takes(self, factor: Factor) -> bool:
        """Whether a factor is strong enough. A backup code is for emergencies, and never the strongest."""
        return self.needs is None or (factor.strength >= self.needs and not factor.is_backup)

    def comes_from(self, client: ClientInfo) -> bool:
        """Whether the password came from this client's address."""
        origin = origins.of(client)
        return self.address_hash == (origin.address if origin else None)


def draw() -> IssuedChallenge:
    """Make a challenge, which is worth nothing until it is issued."""
    return IssuedChallenge(uuid.uuid4(), new_token("ch"), settings().sign_in.challenge_ttl_seconds)


@dataclass(frozen=True, slots=True)
class RightPassword:
    """Who sent a right password, whether the account knows the client, and how strong the second factor must be."""

    user_id: int
    client: ClientInfo
    is_known: bool
    needs: Strength | None = None


def issue(drawn: IssuedChallenge, password: RightPassword, *, now: datetime) -> None:
    """Issue a challenge, in the open transaction."""
    origin = origins.of(password.client)
    execute_later(
        *_add(
            id=drawn.id,
            user_id=password.user_id,
            token_hash=keyring().digest(drawn.token, purpose=_PURPOSE),
            is_known=password.is_known,
            created_at=now,
            expires_at=now + timedelta(seconds=drawn.expires_in),
            address_hash=origin.address if origin else None,
            needs=password.needs,
        )
    )
    if origin is not None:
        origins.note(drawn.id, password.user_id, origin, now=now)


def adopt(challenge: IssuedChallenge, verification_id: uuid.UUID) -> None:
    """Let a code that is on its way to the user complete this challenge as well (ADR 29)."""
    with transaction():
        execute(*_of_id(challenge.id, adopted_code=verification_id))


def find_open(token: str, *, now: datetime, client: ClientInfo | None = None) -> OpenChallenge:
    """Return the challenge of a token. Raises InvalidToken if it is unknown, spent, expired or void.

    Only the newest MAX_OPEN_CHALLENGES of a user are open. For a client, it comes with the other accounts there.
    """
    given = (keyring().digests(token, purpose=_PURPOSE), now, settings().sign_in.max_open_challenges)
    origin = origins.of(client) if client else None
    # The count travels with a statement that runs anyway: a sign-in has none to spend (ADR 51).
    statement = _open(*given) if origin is None else _open_with_others(*given, *origins.values(origin, now=now))
    row = fetch_one(*statement)
    if row is None:
        raise InvalidToken
    account = users.ACCOUNTS.value(row)
    concerns(account.id)
    challenge = OpenChallenge(
        row.challenge_id,
        account,
        row.challenge_created_at,
        row.is_known,
        row.adopted_code,
        needs=Strength(row.needs) if row.needs is not None else None,
        address_hash=row.address_hash,
        others=Others(row.by_device, row.by_address) if origin else Others(),
    )
    if account.locked_at is not None or challenge.is_void(account):
        raise InvalidToken
    return challenge


def spend(challenge: OpenChallenge, *, now: datetime) -> Account:
    """Spend the challenge in the transaction that opens the session; return the account, which is held until its end.

    Raises InvalidToken if another request was faster, or if the challenge was voided while the factor was checked.
    """
    with transaction():
        # The turn of the number before the lock on the account: the proof may verify the number (ADR 17).
        numbers.queue(challenge.account)
        # Account and challenge are locked by one statement, which sees both as they stand once it has the locks: of
        # parallel requests with one challenge, the first one finds it unspent (ADR 3, ADR 4).
        account = users.find_held(fetch_one(*_held(challenge.id)))
        # Checked again under the lock: an operator or a new password may have come in between.
        if account is None or challenge.is_void(account):
            raise InvalidToken
        execute_later(*_of_id(challenge.id, spent_at=now))
        return account


def void_of_all(*, now: datetime) -> None:
    """Void the open challenges of all users, in the open transaction."""
    execute(update(Challenge).where(Challenge.spent_at.is_(None), Challenge.expires_at > now).values(spent_at=now))


@prepared
def _open(token_hashes: Given, now: Given, most: Given) -> Select[Any]:
    return _open_ones(token_hashes, now, most)


@prepared
def _open_with_others(
    token_hashes: Given, now: Given, most: Given, device: Given, address: Given, since: Given
) -> Select[Any]:
    others = origins.columns(Challenge.user_id, device, address, since)
    return _open_ones(token_hashes, now, most).add_columns(*others)


def _open_ones(token_hashes: Given, now: Given, most: Given) -> Select[Any]:
    is_open = Challenge.spent_at.is_(None) & (Challenge.expires_at > now)
    newer = aliased(Challenge)
    # Those of strangers and of known clients apart: a thief of the password must not void what the owner began.
    is_newer = (newer.user_id == Challenge.user_id) & (newer.is_known == Challenge.is_known)
    is_newer &= newer.spent_at.is_(None) & (newer.expires_at > now) & (newer.created_at > Challenge.created_at)
    is_open &= select(func.count()).where(is_newer).scalar_subquery() < most
    own = (Challenge.id.label("challenge_id"), Challenge.created_at.label("challenge_created_at"))
    facts = (Challenge.is_known, Challenge.adopted_code, Challenge.needs, Challenge.address_hash)
    statement = users.ACCOUNTS.select().add_columns(*own, *facts)
    statement = statement.join(Challenge, Challenge.user_id == users.ID)
    return statement.where(Challenge.token_hash.in_(token_hashes), is_open)


@prepared
def _held(challenge_id: Given) -> Select[Any]:
    statement = users.held().join(Challenge, Challenge.user_id == users.ID)
    statement = statement.where(Challenge.id == challenge_id, Challenge.spent_at.is_(None))
    return statement.with_for_update(key_share=True)


@prepared
def _of_id(challenge_id: Given) -> Update:
    return update(Challenge).where(Challenge.id == challenge_id)


def personal_data(user_id: int) -> list[dict[str, Any]]:
    """Return the user's challenges, without their tokens."""
    columns = (Challenge.created_at, Challenge.id, Challenge.expires_at, Challenge.spent_at)
    return rows_about(Challenge.user_id == user_id, *columns)


def forget(before: datetime) -> int:
    """Delete challenges that expired before a time; return how many."""
    return delete_in_batches(Challenge, Challenge.expires_at < before)
