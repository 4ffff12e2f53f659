"""Counts the accounts whose password was right at one device or address: a stolen list is tried from one place.

A device is a program (`User-Agent`) in a network that a home or an office keeps. The row travels with the challenge's
write, and the count with a read, so a sign-in has no round trip more (ADR 51).
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from otp_service.anomalies import AnomalySettings, Others
from otp_service.auth.models import Challenge, ChallengeOrigin
from otp_service.core.addresses import is_loopback, network_of, site_of
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.statements import Given, prepared, prepared_insert
from otp_service.core.database.transactions import execute_later, fetch_one
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo

WINDOW = timedelta(days=1)
MOST_ROWS = 1_000
"""The newest right passwords of a place that are counted: the network of a company must not make sign-ins slow."""

_PURPOSE = "challenge: origin"
_add = prepared_insert(ChallengeOrigin)


@dataclass(frozen=True, slots=True)
class Origin:
    """Keyed hashes of a client's device and address."""

    device: str
    address: str


def of(client: ClientInfo) -> Origin | None:
    """Return where a client is. None while no rule asks, and for this machine, which is where a proxy runs."""
    rules = settings().of(AnomalySettings)
    if not (rules.is_on("many_accounts") or rules.is_any_strict) or is_loopback(client.ip):
        return None
    address = network_of(client.ip)
    device = keyring().digest(f"{site_of(client.ip)} {client.agent}", purpose=_PURPOSE)
    return Origin(device, keyring().digest(address, purpose=_PURPOSE))


def note(challenge_id: uuid.UUID, user_id: int, origin: Origin, *, now: datetime) -> None:
    """Store where a right password came from, in the open transaction."""
    row = {"challenge_id": challenge_id, "user_id": user_id, "created_at": now}
    execute_later(*_add(**row, device_hash=origin.device, address_hash=origin.address))


def columns(
    user_id: InstrumentedAttribute[int] | Given, device: Given, address: Given, since: Given
) -> tuple[ColumnElement[Any], ...]:
    """Return, for a statement that runs anyway, how many other accounts there are."""
    by_device = _others(user_id, since, "device_hash", device)
    return by_device.label("by_device"), _others(user_id, since, "address_hash", address).label("by_address")


def values(origin: Origin, *, now: datetime) -> tuple[Any, ...]:
    """Return the values for `columns`."""
    return origin.device, origin.address, now - WINDOW


def others(user_id: int, *, client: ClientInfo, now: datetime) -> Others:
    """Return how many other accounts there are, with a statement of its own."""
    origin = of(client)
    row = fetch_one(*_of_user(user_id, *values(origin, now=now))) if origin else None
    return Others(row.by_device, row.by_address) if row else Others()


@prepared
def _of_user(user_id: Given, device: Given, address: Given, since: Given) -> Select[Any]:
    return select(*columns(user_id, device, address, since))


def _others(user_id: InstrumentedAttribute[int] | Given, since: Given, column: str, value: Given) -> ScalarSelect[int]:
    other = aliased(ChallengeOrigin)
    is_there = (getattr(other, column) == value) & (other.created_at > since) & (other.user_id != user_id)
    newest = select(other.user_id).where(is_there).order_by(other.created_at.desc()).limit(MOST_ROWS)
    if isinstance(user_id, InstrumentedAttribute):
        newest = newest.correlate(Challenge)
    rows = newest.subquery()
    return select(func.count(rows.c.user_id.distinct())).scalar_subquery()
