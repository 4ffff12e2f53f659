"""Adds, reads and changes hooks: their URLs, secrets and states. Sends nothing."""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, func, insert, select, update

from otp_service import audit
from otp_service.core import clock
from otp_service.core.crypto.secrets import keyring
from otp_service.core.crypto.webhook_signatures import read_secret, write_secret
from otp_service.core.database.rows import Projection
from otp_service.core.database.transactions import execute, fetch_all, fetch_one, transaction, upsert
from otp_service.hooks.models import CURSOR, Hook, HookCursor

MOST_HOOKS = 50
"""Each hook that has something to send has a thread of its own in the worker."""

BY_OPERATOR = "by an operator"
"""Why a hook is disabled that an operator disabled."""

SECRET_BYTES = 32
OVERLAP = timedelta(hours=24)
"""How long messages are signed with the earlier secret as well, after a new one was made."""


class HookFault(Exception):
    """What an operator asks for cannot be done. The text says why."""


class HookNotFound(HookFault):
    """No hook has this id."""

    def __init__(self) -> None:
        super().__init__("No such hook. List them with: flask hooks list")


class TooManyHooks(HookFault):
    """There are as many hooks as there may be."""

    def __init__(self) -> None:
        super().__init__(f"There are {MOST_HOOKS} hooks already. Delete one, or let one receiver hand events on.")


@dataclass(frozen=True, slots=True)
class HookRecord:
    """A hook with its URL, without its secrets."""

    id: uuid.UUID
    host: str
    sealed_url: str
    events: list[str]
    app: str | None
    has_numbers: bool
    after_event_id: int
    created_at: datetime
    disabled_at: datetime | None
    disabled_because: str | None
    failures: int
    failing_since: datetime | None
    paused_until: datetime | None

    @property
    def url(self) -> str:
        """The URL, decrypted."""
        return keyring().open(self.sealed_url, context=f"hooks.url:{self.id}")

    @property
    def shown_url(self) -> str:
        """The URL without the content of its query, where receivers have tokens."""
        address, mark, _ = self.url.partition("?")
        return f"{address}?..." if mark else address


_HOOKS = Projection(HookRecord, Hook)


def add(url: str, *, host: str, events: Sequence[str], app: str | None, has_numbers: bool) -> tuple[HookRecord, str]:
    """Add a hook, and return it with its secret, which nothing shows again. Raises TooManyHooks."""
    now, key, secret = clock.now(), uuid.uuid4(), secrets.token_bytes(SECRET_BYTES)
    with transaction():
        newest_event = _start()
        if fetch_all(select(func.count()).select_from(Hook))[0][0] >= MOST_HOOKS:
            raise TooManyHooks
        execute(
            insert(Hook).values(
                id=key,
                host=host,
                sealed_url=keyring().seal(url, context=f"hooks.url:{key}"),
                sealed_secret=_seal(secret, f"hooks.secret:{key}"),
                events=list(events),
                app=app,
                has_numbers=has_numbers,
                after_event_id=newest_event,
                created_at=now,
            )
        )
        _note("hook.added", key, now=now)
        return get(key), write_secret(secret)


def get(hook_id: uuid.UUID) -> HookRecord:
    """Return a hook. Raises HookNotFound."""
    found = _HOOKS.find(fetch_one(_HOOKS.select().where(Hook.id == hook_id)))
    if found is None:
        raise HookNotFound
    return found


def list_all() -> list[HookRecord]:
    """Return all hooks, the oldest first."""
    return _HOOKS.values(fetch_all(_HOOKS.select().order_by(Hook.created_at, Hook.id)))


def enabled() -> list[HookRecord]:
    """Return the hooks that get events."""
    return _HOOKS.values(fetch_all(_HOOKS.select().where(Hook.disabled_at.is_(None)).order_by(Hook.id)))


def secrets_of(hook_id: uuid.UUID) -> tuple[bytes, ...]:
    """Return the secret of a hook, and the earlier one while both sign. Raises HookNotFound."""
    columns = (Hook.sealed_secret, Hook.sealed_earlier_secret, Hook.earlier_secret_until)
    row = fetch_one(select(*columns).where(Hook.id == hook_id))
    if row is None:
        raise HookNotFound
    found = [_open(row.sealed_secret, f"hooks.secret:{hook_id}")]
    if row.sealed_earlier_secret is not None and clock.now() < row.earlier_secret_until:
        found.append(_open(row.sealed_earlier_secret, f"hooks.earlier_secret:{hook_id}"))
    return tuple(found)


def rotate_secret(hook_id: uuid.UUID, *, keeps_earlier: bool) -> str:
    """Give a hook another secret, and return it. Raises HookNotFound.

    Messages are signed with both for a day, so that the receiver loses none while it changes. With
    `keeps_earlier=False` the earlier one, known to others, signs no more.
    """
    now, secret = clock.now(), secrets.token_bytes(SECRET_BYTES)
    with transaction():
        earlier = secrets_of(hook_id)[0]
        values = {
            "sealed_secret": _seal(secret, f"hooks.secret:{hook_id}"),
            "sealed_earlier_secret": _seal(earlier, f"hooks.earlier_secret:{hook_id}") if keeps_earlier else None,
            "earlier_secret_until": now + OVERLAP if keeps_earlier else None,
        }
        _change(hook_id, "hook.secret_rotated", now=now, **values)
    return write_secret(secret)


def disable(hook_id: uuid.UUID, *, because: str = BY_OPERATOR) -> None:
    """Send a hook no more, and store no event for it; a disabled one keeps its reason. Raises HookNotFound."""
    now = clock.now()
    values = {"disabled_at": now, "disabled_because": because}
    _switch(hook_id, "hook.disabled", Hook.disabled_at.is_(None), now=now, **values)


def enable(hook_id: uuid.UUID) -> None:
    """Send a hook what waits for it, and every event from now on. Raises HookNotFound."""
    now = clock.now()
    with transaction():
        if get(hook_id).disabled_at is None:
            return
        values = {"disabled_at": None, "disabled_because": None, "after_event_id": _start()}
        values |= {"failures": 0, "failing_since": None, "paused_until": None}
        _switch(hook_id, "hook.enabled", Hook.disabled_at.is_not(None), now=now, **values)


def remove(hook_id: uuid.UUID) -> None:
    """Delete a hook with its deliveries. Raises HookNotFound."""
    with transaction():
        if execute(delete(Hook).where(Hook.id == hook_id)).rowcount != 1:
            raise HookNotFound
        _note("hook.deleted", hook_id, now=clock.now())


def _switch(hook_id: uuid.UUID, event: str, is_other: ColumnElement[bool], *, now: datetime, **values: object) -> None:
    with transaction():
        # One conditional update decides between operators at the same moment. A second `enable` would move
        # `after_event_id` past events that the first one promised to send (ADR 38).
        if execute(update(Hook).where(Hook.id == hook_id, is_other).values(values)).rowcount == 1:
            _note(event, hook_id, now=now)
        else:
            get(hook_id)


def _change(hook_id: uuid.UUID, event: str, *, now: datetime, **values: object) -> None:
    with transaction():
        if execute(update(Hook).where(Hook.id == hook_id).values(values)).rowcount != 1:
            raise HookNotFound
        _note(event, hook_id, now=now)


def _note(event: str, hook_id: uuid.UUID, *, now: datetime) -> None:
    audit.record(event, user_id=None, client=audit.COMMAND_LINE, at=now, hookId=str(hook_id))


def _start() -> int:
    """Return the newest event, after which a hook gets all, in the open transaction that adds or enables it.

    Call it before the hook is written. The lock makes the worker wait, which then reads the trail for this hook, too.
    """
    execute(upsert(HookCursor).values(id=CURSOR, read_up_to=0, gaps=[]).on_conflict_do_nothing())
    fetch_one(select(HookCursor.id).where(HookCursor.id == CURSOR).with_for_update())
    newest = audit.newest_id()
    if not fetch_all(select(exists().where(Hook.disabled_at.is_(None))))[0][0]:
        # Without another hook the trail is not read: what happened until now is of no interest.
        execute(update(HookCursor).where(HookCursor.id == CURSOR).values(read_up_to=newest, gaps=[]))
    return newest


def _seal(secret: bytes, context: str) -> str:
    return keyring().seal(write_secret(secret), context=context)


def _open(sealed: str, context: str) -> bytes:
    return read_secret(keyring().open(sealed, context=context))
