"""Exports users in the format of `flask users import`: one user a line, in the order of their ids."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Row, select

from otp_service import audit
from otp_service.accounts.importing.columns import COLUMNS, HEADER
from otp_service.accounts.models import User
from otp_service.accounts.users import RELEASED
from otp_service.core import clock
from otp_service.core.database.transactions import fetch_all, transaction

BATCH = 1_000


def export_users(form: str) -> Iterator[bytes]:
    """Yield the users as `csv` or `jsonl`, a batch at a time. No connection is held between batches.

    Each batch is read at its own moment. Stop the service for a consistent export of all users. An account that has
    lost both address and number is left out: no sign-in names it.
    """
    # Audited before the first line: the password hashes leave the service, even if the reader stops half-way.
    with transaction():
        audit.record("users.exported", user_id=None, client=audit.COMMAND_LINE, at=clock.now(), form=form)
    line: Callable[[dict[str, Any]], bytes] = _json_line if form == "jsonl" else _csv_line
    if form == "csv":
        yield f"{','.join(HEADER)}\n".encode()
    last_id = 0
    columns = [getattr(User, name) for name in _STORED]
    # By id, not by OFFSET: each batch takes the same time, and new or deleted users do not shift the next one.
    while rows := fetch_all(select(*columns).where(User.id > last_id).order_by(User.id).limit(BATCH)):
        yield b"".join(line(values) for row in rows if (values := _values(row))["email"] or values["phoneNumber"])
        last_id = rows[-1].id


_STORED = (
    "id",
    "email",
    "phone_number",
    "holds_number",
    "password_hash",
    "phone_verified_at",
    "created_at",
    "display_name",
    "locale",
    "email_verified_at",
    "locked_at",
    "password_verified_at",
)


def _values(row: Row[Any]) -> dict[str, Any]:
    values = {
        **row._mapping,
        "email": None if row.email.startswith(RELEASED) else row.email,
        "phone_number": row.phone_number if row.holds_number else None,
        "is_verified": row.phone_verified_at is not None,
        "created_at": _time(row.created_at),
        "email_verified": row.email_verified_at is not None,
        "is_locked": row.locked_at is not None,
        "password_verified": row.password_verified_at is not None,
    }
    return {spelled: values[name] for name, spelled in zip(COLUMNS, HEADER, strict=True)}


def _json_line(values: dict[str, Any]) -> bytes:
    return orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE)


def _csv_line(values: dict[str, Any]) -> bytes:
    return f"{','.join(map(_cell, values.values()))}\n".encode()


def _cell(value: Any) -> str:
    """Quote as RFC 4180 says. The csv module would leave a lone carriage return unquoted and could not read it back."""
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if any(character in text for character in ',"\r\n') else text


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
