"""Runs `flask users ...` and makes users to move."""

import json
from pathlib import Path
from typing import Any

import bcrypt
from click.testing import Result
from flask import Flask
from sqlalchemy import delete, select

from otp_service.accounts.models import User
from otp_service.audit import Entry
from otp_service.core.database.transactions import execute, fetch_all, transaction
from tests.factories import PASSWORD
from tests.trail import entries

HEADER = "email,phoneNumber,passwordHash"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
EMPTY = {"imported": 0, "bad": 0, "good": 0, "read": 0}


def row(number: int, **changes: Any) -> dict[str, Any]:
    """A good user; each number makes another one."""
    phone_number = f"+1415{200 + number // 10_000}{number % 10_000:04d}"
    return {"email": f"p{number}@example.com", "phoneNumber": phone_number, "passwordHash": HASH, **changes}


def csv_of(*rows: dict[str, Any]) -> str:
    """The rows as simple CSV; what the first one has is the header."""
    return "".join(f"{','.join(map(str, values))}\n" for values in [rows[0], *(found.values() for found in rows)])


def json_of(*rows: dict[str, Any]) -> str:
    """The rows as JSON lines."""
    return "".join(f"{json.dumps(found)}\n" for found in rows)


def flask_users(app: Flask, *arguments: str | Path, stdin: str | bytes | None = None) -> Result:
    """What `flask users ...` prints and how it ends; only unforeseen errors come through."""
    result = app.test_cli_runner().invoke(args=["users", *map(str, arguments)], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def report_of(app: Flask, stdin: str | bytes, *options: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the JSON report of an import from standard input."""
    result = flask_users(app, "import", "-", "--json", *options, stdin=stdin)
    return result.exit_code, json.loads(result.stdout)


def faults_of(app: Flask, stdin: str | bytes, *options: str) -> dict[int, list[str]]:
    """The reasons of an import's bad lines, by line."""
    return {fault["line"]: fault["reasons"] for fault in report_of(app, stdin, *options)[1]["faults"]}


def stored(app: Flask) -> list[Any]:
    """The rows of all users, in order."""
    with app.app_context():
        return list(fetch_all(select(*User.__table__.columns).order_by(User.id)))


def emails(app: Flask) -> list[str]:
    """The addresses of all users, in order."""
    return [found.email for found in stored(app)]


def events(app: Flask) -> list[Entry]:
    """The audit events, in order."""
    return entries(app)


def remove_all(app: Flask) -> None:
    """Delete every user."""
    with app.app_context(), transaction():
        execute(delete(User))
