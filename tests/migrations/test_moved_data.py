"""Migrations that write what is stored in another form: with rows, up and down."""

import uuid
from datetime import UTC, datetime
from typing import Any

from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import MetaData, Table, insert

from otp_service.extensions import db
from tests.migrations import schema

AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def add(table: str, *rows: dict[str, Any]) -> None:
    """Insert rows into a table as it is now, whatever the models say."""
    with db.engine.begin() as connection:
        statement = insert(Table(table, MetaData(), autoload_with=connection))
        connection.execute(statement, [{name: stored(value) for name, value in row.items()} for row in rows])


def stored(value: Any) -> Any:
    """SQLite keeps ids as text, which a table that was read from the database does not say."""
    return value.hex if isinstance(value, uuid.UUID) and db.engine.dialect.name == "sqlite" else value


def column(table: str, name: str) -> list[Any]:
    return [row[0] for row in schema.rows({table: {name}})[table]]


def test_a_passkeys_challenge_keeps_its_purpose_under_the_common_word(empty_app: Flask) -> None:
    earlier = ["enrol", "passkey", "recovery", "sign_in", "step_up"]
    upgrade(revision="0016")
    add(
        "webauthn_challenges",
        *({"id": uuid.uuid4(), "purpose": word, "challenge_hash": word, "expires_at": AT} for word in earlier),
    )

    upgrade(revision="0017")
    above = column("webauthn_challenges", "purpose")
    downgrade(revision="0016")
    below = column("webauthn_challenges", "purpose")

    assert above == ["enrol", "login", "passkey", "password_reset", "step_up"]
    assert below == earlier
