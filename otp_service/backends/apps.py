"""Makes apps and their keys, and takes them away. Only operators do that."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from otp_service import audit
from otp_service.audit import COMMAND_LINE
from otp_service.backends import app_keys
from otp_service.backends.app_keys import Key, Scope
from otp_service.backends.models import App, AppKey
from otp_service.core import clock
from otp_service.core.database.transactions import execute, fetch_all, transaction, violated_constraint

SLOTS = (1, 2)
"""An app has one key, and a second one during a rotation."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


class AppFault(Exception):
    """What an operator asked for cannot be done; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class KeyOfApp:
    """A key, as an operator sees it. The key itself is stored nowhere."""

    id: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class AppShown:
    """An app, as an operator sees it. `keys` are the valid ones, the oldest first."""

    id: int
    name: str
    scopes: tuple[str, ...]
    sends_per_day: int | None
    spend_per_day: Decimal | None
    created_at: datetime
    disabled_at: datetime | None
    keys: tuple[KeyOfApp, ...] = ()


def create(
    name: str, *, scopes: Iterable[Scope], sends_per_day: int | None, spend_per_day: Decimal | None = None
) -> tuple[AppShown, Key]:
    """Add an app with its first key. Raises AppFault for a name that is taken or malformed.

    `sends_per_day` bounds its messages, `spend_per_day` their cost in SPEND_CURRENCY.
    """
    if not _NAME.fullmatch(name):
        raise AppFault(f"{name!r} cannot be a name: use 1 to 40 letters, digits, dots, hyphens and underscores.")
    now, words = clock.now(), " ".join(sorted(set(scopes)))
    limits = {"sends_per_day": sends_per_day, "spend_per_day": spend_per_day}
    values = {"name": name, "scopes": words, **limits, "created_at": now}
    try:
        with transaction():
            app_id = execute(insert(App).values(values).returning(App.id)).scalar_one()
            key = _add_key(app_id, slot=SLOTS[0], now=now)
            _record("app.created", name, now, scopes=words.split(), keyId=key.id)
    except IntegrityError as error:
        if violated_constraint(error) != "uq_apps_name":
            raise
        raise _name_taken(get(name), words.split()) from error
    return get(name), key


def _name_taken(app: AppShown, scopes: Sequence[str]) -> AppFault:
    text = f"There is an app {app.name!r} already. Another key for it: flask apps add-key {app.name}"
    if lacking := [scope for scope in scopes if scope not in app.scopes]:
        options = " ".join(f"--scope {scope}" for scope in sorted({*app.scopes, *scopes}))  # they replace all earlier
        text += f"\nIt lacks the scope {' and '.join(lacking)}: flask apps change {app.name} {options}"
    return AppFault(text)


def get(name: str) -> AppShown:
    """Return an app with its keys. Raises AppFault for a name that no app has."""
    found = _list(App.name == name)
    if not found:
        raise AppFault(f"There is no app {name!r}. Try: flask apps list")
    return found[0]


def list_all() -> list[AppShown]:
    """Return all apps with their keys, the oldest first."""
    return _list()


def _list(*conditions: Any) -> list[AppShown]:
    columns = (
        App.id, App.name, App.scopes, App.sends_per_day, App.spend_per_day, App.created_at, App.disabled_at
    )  # fmt: skip
    apps = fetch_all(select(*columns).where(*conditions).order_by(App.id))
    of_key = (AppKey.app_id, AppKey.id, AppKey.created_at, AppKey.last_used_at)
    by_age = (AppKey.created_at, AppKey.id)
    keys = fetch_all(select(*of_key).join(App, App.id == AppKey.app_id).where(*conditions).order_by(*by_age))
    return [
        AppShown(app.id, app.name, tuple(app.scopes.split()), app.sends_per_day, app.spend_per_day, app.created_at,
                 app.disabled_at, tuple(KeyOfApp(*key[1:]) for key in keys if key.app_id == app.id))
        for app in apps
    ]  # fmt: skip


def add_key(name: str) -> tuple[AppShown, Key]:
    """Add a second key to an app. Raises AppFault if it has two."""
    now = clock.now()
    try:
        with transaction():
            app_id = get(name).id
            taken = {row.slot for row in fetch_all(select(AppKey.slot).where(AppKey.app_id == app_id))}
            free = [slot for slot in SLOTS if slot not in taken]
            if not free:
                raise _two_keys(name)
            key = _add_key(app_id, slot=free[0], now=now)
            _record("app.key_added", name, now, keyId=key.id)
    except IntegrityError as error:
        if violated_constraint(error) != "uq_app_keys_app_id_slot":
            raise
        # The unique slot is the limit of two: another operator took it in the same moment (ADR 30).
        raise _two_keys(name) from error
    return get(name), key


def _two_keys(name: str) -> AppFault:
    ids = ", ".join(key.id for key in get(name).keys)
    return AppFault(
        f"{name} has two keys ({ids}), and cannot have more. "
        f"First revoke one that no backend uses any more: flask apps revoke-key {name} KEY_ID"
    )


def _add_key(app_id: int, *, slot: int, now: datetime) -> Key:
    key = app_keys.draw()
    values = {"id": key.id, "app_id": app_id, "slot": slot, "secret_hash": key.hashes[0], "created_at": now}
    execute(insert(AppKey).values(values))
    return key


def revoke_key(name: str, key_id: str) -> None:
    """Delete a key of an app: from the next request on it is not accepted. Raises AppFault for an unknown one."""
    now = clock.now()
    with transaction():
        app = get(name)
        if not execute(delete(AppKey).where(AppKey.app_id == app.id, AppKey.id == key_id)).rowcount:
            raise AppFault(f"{name} has no key {key_id!r}. Try: flask apps show {name}")
        _record("app.key_revoked", name, now, keyId=key_id)


def change(
    name: str,
    *,
    scopes: Iterable[Scope] = (),
    limit: tuple[int | None] | None = None,
    spend: tuple[Decimal | None] | None = None,
) -> AppShown:
    """Replace the scopes of an app, if there are any, and its daily limits of messages and of their cost.

    `(None,)` removes a limit. Raises AppFault.
    """
    words = " ".join(sorted(set(scopes)))
    values: dict[str, Any] = {"scopes": words} if words else {}
    if limit is not None:
        values["sends_per_day"] = limit[0]
    if spend is not None:
        values["spend_per_day"] = spend[0]
    with transaction():
        execute(update(App).where(App.id == get(name).id).values(values))
        changed = get(name)
        spent = None if changed.spend_per_day is None else str(changed.spend_per_day)
        limits = {"sendsPerDay": changed.sends_per_day, "spendPerDay": spent}
        _record("app.changed", name, clock.now(), scopes=changed.scopes, **limits)
        return changed


def disable(name: str) -> AppShown:
    """Reject all keys of an app until it is enabled. Raises AppFault."""
    return _switch(name, "app.disabled", clock.now())


def enable(name: str) -> AppShown:
    """Accept the keys of an app again. Raises AppFault."""
    return _switch(name, "app.enabled", None)


def _switch(name: str, event: str, disabled_at: datetime | None) -> AppShown:
    with transaction():
        app = get(name)
        is_other = App.disabled_at.is_(None) if disabled_at else App.disabled_at.is_not(None)
        if execute(update(App).where(App.id == app.id, is_other).values(disabled_at=disabled_at)).rowcount:
            _record(event, name, clock.now())
            app = replace(app, disabled_at=disabled_at)
    return app


def remove(name: str) -> None:
    """Delete an app and, by foreign keys, its keys and verifications. Raises AppFault."""
    now = clock.now()
    with transaction():
        app = get(name)
        execute(delete(App).where(App.id == app.id))
        _record("app.deleted", name, now)


def _record(event: str, name: str, now: datetime, **facts: Any) -> None:
    audit.record(event, user_id=None, client=COMMAND_LINE, at=now, app=name, **facts)
