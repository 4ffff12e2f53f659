"""Tells the clients that an account has seen from strangers, so that a stranger's wrong passwords bind no one else.

Three things make a client known (ADR 36, after OWASP's "Slow Down Online Guessing Attacks with Device Cookies"):

| what                              | for how long | its wrong passwords count        |
|-----------------------------------|--------------|----------------------------------|
| a token that a sign-in returned   | a year       | for this token                   |
| the network of an earlier sign-in | 90 days      | for this network                 |
| the phone or e-mail just verified | 15 minutes   | for all such clients of the user |

A known client skips no factor: it has a count of its own, and that is all. All others are strangers, and strangers
share one count for each address.
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, exists, select, update

from otp_service import sessions
from otp_service.accounts import throttle
from otp_service.accounts.models import User, VerifiedNetwork
from otp_service.core.addresses import site_of
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.rows import rows_about
from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import execute, fetch_one, upsert
from otp_service.core.text import base64url, decoded_base64
from otp_service.core.web.tracing import ClientInfo

TOKEN_LIFETIME = timedelta(days=365)
NETWORK_LIFETIME = timedelta(days=90)
VERIFIED_FOR = timedelta(minutes=15)

DEVICE, TRUSTED_DEVICE, PROOF = "kd", "dt", "kp"
"""What a token of this form is: of a device, of a trusted one, or the proof that an e-mail arrived."""

_LIFETIMES = {DEVICE: TOKEN_LIFETIME, TRUSTED_DEVICE: TOKEN_LIFETIME, PROOF: timedelta(hours=24)}
_TIME_BYTES, _USER_BYTES, _RANDOM_BYTES = 6, 4, 14
_BODY_BYTES = _TIME_BYTES + _USER_BYTES + _RANDOM_BYTES
_BODY_LENGTH = _BODY_BYTES * 4 // 3
_PURPOSE = "known client"


@dataclass(frozen=True, slots=True)
class Lane:
    """The count that a client's passwords use. `is_known` is False for strangers."""

    subject: str
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    body: str
    issued_at: datetime


def issue(user_id: int, *, now: datetime, kind: str = DEVICE) -> str:
    """Return a token that makes its bearer a known client of the user. It is signed, and not stored.

    The token of a trusted device has the same form, so that a client needs to keep just one.
    """
    milliseconds = int(now.timestamp() * 1000).to_bytes(_TIME_BYTES)
    body = base64url(milliseconds + user_id.to_bytes(_USER_BYTES) + secrets.token_bytes(_RANDOM_BYTES))
    return f"{kind}_{body}{keyring().digest(_signed(kind, user_id, body), purpose=_PURPOSE)}"


def columns(network: Given, seen_after: Given, verified_after: Given) -> Sequence[ColumnElement[Any]]:
    """Return what `lane_of` needs to know about a user, for the statement that reads the user anyway."""
    since = User.clients_known_since
    is_verified = exists().where(
        VerifiedNetwork.user_id == User.id,
        VerifiedNetwork.network == network,
        VerifiedNetwork.verified_at > verified_after,
    )
    is_seen = sessions.were_opened_from(network, user_id=User.id, after=seen_after, since=since)
    return since.label("known_since"), is_seen.label("is_seen"), is_verified.label("is_verified_network")


def values(client: ClientInfo, *, now: datetime) -> tuple[Any, ...]:
    """Return the values for `columns`."""
    return site_of(client.ip), now - NETWORK_LIFETIME, now - VERIFIED_FOR


def lane_of(row: Row[Any] | None, *, email: str, device_token: str | None, client: ClientInfo, now: datetime) -> Lane:
    """Return whose count a password uses, from a row with `columns` and the user's id; None for an unknown address."""
    name = None if row is None else _name(row, device_token, client, now)
    if row is None or name is None:
        return Lane(throttle.subject_of(email), is_known=False)
    return Lane(throttle.subject_of_user(row.id, name))


def _name(row: Row[Any], device_token: str | None, client: ClientInfo, now: datetime) -> str | None:
    # The device before the network: neighbors in the network must not use the count of the device up.
    token = _read(device_token, row.id, row.known_since, now) if device_token else None
    if token is not None and token.kind != PROOF:
        return f"device {token.body}"
    if row.is_seen:
        return f"network {site_of(client.ip)}"
    # One count for all of them: else each message would be worth five more guesses.
    return "verified" if token is not None or row.is_verified_network else None


def is_known(email: str, *, device_token: str | None, client: ClientInfo, now: datetime) -> bool:
    """Whether the client is known to the user with a canonical address; False for an unknown address."""
    row = fetch_one(*_of_address(email, *values(client, now=now)))
    return row is not None and _name(row, device_token, client, now) is not None


@prepared
def _of_address(email: Given, network: Given, seen_after: Given, verified_after: Given) -> Select[Any]:
    return select(User.id, *columns(network, seen_after, verified_after)).where(User.email == email)


def has_verified(user_id: int, *, device_token: str | None, client: ClientInfo, now: datetime) -> bool:
    """Whether the person has just verified phone or e-mail in the client's network, or has the token of an e-mail."""
    row = fetch_one(*_of_user(user_id, *values(client, now=now)))
    if row is None:
        return False
    token = _read(device_token, user_id, row.known_since, now) if device_token else None
    return row.is_verified_network or (token is not None and token.kind == PROOF)


@prepared
def _of_user(user_id: Given, network: Given, seen_after: Given, verified_after: Given) -> Select[Any]:
    return select(User.id, *columns(network, seen_after, verified_after)).where(User.id == user_id)


def find_user(token: str, *, now: datetime) -> int | None:
    """Return the user that the token of an e-mail names; None for any other text."""
    raw = decoded_base64(token.partition("_")[2][:_BODY_LENGTH], needs_padding=False)
    user_id = int.from_bytes(raw[_TIME_BYTES : _TIME_BYTES + _USER_BYTES])
    row = fetch_one(select(User.clients_known_since).where(User.id == user_id, User.locked_at.is_(None)))
    found = _read(token, user_id, row.clients_known_since, now) if row is not None else None
    return user_id if found is not None and found.kind == PROOF else None


def remember_verified(user_id: int, *, client: ClientInfo, now: datetime) -> None:
    """Look at the passwords that come from the client's network for a while, in the open transaction.

    The person there has verified the account's phone or e-mail, which a stranger cannot.
    """
    row = {"user_id": user_id, "network": site_of(client.ip), "verified_at": now}
    keys = [VerifiedNetwork.user_id, VerifiedNetwork.network]
    execute(upsert(VerifiedNetwork).values(row).on_conflict_do_update(index_elements=keys, set_={"verified_at": now}))


def forget_all(user_id: int, *, now: datetime) -> None:
    """Make every client a stranger again, in the open transaction: any of them may be the reason for this act."""
    execute(update(User).where(User.id == user_id).values(clients_known_since=now))
    execute(delete(VerifiedNetwork).where(VerifiedNetwork.user_id == user_id))


def forget(before: datetime) -> int:
    """Delete the networks that were verified before a time; return how many."""
    return delete_in_batches(VerifiedNetwork, VerifiedNetwork.verified_at < before)


def personal_data(user_id: int) -> list[dict[str, Any]]:
    """Return the networks in which the user has just verified phone or e-mail."""
    return rows_about(VerifiedNetwork.user_id == user_id, VerifiedNetwork.network, VerifiedNetwork.verified_at)


def _read(text: str, user_id: int, known_since: datetime | None, now: datetime) -> _Token | None:
    """Return the token if this service made it for the user, and it still counts."""
    kind, _, rest = text.partition("_")
    body, signature = rest[:_BODY_LENGTH], rest[_BODY_LENGTH:]
    raw = decoded_base64(body, needs_padding=False)
    if kind not in _LIFETIMES or len(raw) != _BODY_BYTES:
        return None
    expected = keyring().digests(_signed(kind, user_id, body), purpose=_PURPOSE)
    # Compared as bytes: the text comes from a stranger, and may hold characters that are not ASCII.
    if not any(hmac.compare_digest(signature.encode(), one.encode()) for one in expected):
        return None
    issued_at = datetime.fromtimestamp(int.from_bytes(raw[:_TIME_BYTES]) / 1000, tz=UTC)
    is_current = known_since is None or issued_at > known_since
    return _Token(kind, body, issued_at) if is_current and now - issued_at < _LIFETIMES[kind] else None


def _signed(kind: str, user_id: int, body: str) -> str:
    return f"{kind} {user_id} {body}"
