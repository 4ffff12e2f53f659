"""Migrations that write what is stored in another form: with rows, up and down."""

import uuid
from datetime import UTC, datetime
from typing import Any

from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import MetaData, Table, insert, text

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


PEOPLE = {17: "a@example.com", 18: "b@example.com"}
CODES = [uuid.uuid4() for _ in range(3)]
CHALLENGE = uuid.uuid4()


def add_codes_of_users() -> None:
    """Two users with a code each, one of them asked for by a stranger, tried by both kinds of callers."""
    add(
        "users",
        *(
            {"id": key, "email": email, "phone_number": f"+1415555{key:04}", "password_hash": "$", "created_at": AT,
             "password_changed_at": AT}
            for key, email in PEOPLE.items()
        ),
    )  # fmt: skip
    common = {"purpose": "login", "channel": "sms", "phone_number": "+14155550017", "country": "US", "ip": "::1",
              "state": "sent", "attempts": 1, "created_at": AT, "expires_at": AT}  # fmt: skip
    add(
        "verifications",
        {"id": CODES[0], "user_id": 17, "challenge_id": CHALLENGE, "is_anonymous": False, **common},
        {"id": CODES[1], "user_id": 18, "challenge_id": None, "is_anonymous": True, **common},
    )
    tried = {"outcome": "wrong", "tried_at": AT}
    add(
        "verification_attempts",
        {"verification_id": CODES[0], "code_hash": "1", "is_anonymous": False, **tried},
        {"verification_id": CODES[0], "code_hash": "2", "is_anonymous": True, **tried},
        {"verification_id": CODES[1], "code_hash": "3", "is_anonymous": True, **tried},
    )
    counted = {"window_started_at": AT, "count": 1}
    add("counters", {"name": "otp-cooldown", "subject": "17", **counted}, {"name": "x", "subject": "17", **counted})


EARLIER = {
    "verifications": {"id", "user_id", "challenge_id", "is_anonymous"},
    "verification_attempts": {"verification_id", "code_hash", "is_anonymous"},
    "counters": {"name", "subject"},
}
LATER = {
    "verifications": {"asker", "bound_to", "owner"},
    "verification_attempts": {"asker", "code_hash"},
    "counters": {"name", "subject"},
}


def test_codes_of_users_become_codes_of_owners_and_back(empty_app: Flask) -> None:
    upgrade(revision="0017")
    add_codes_of_users()
    before = schema.rows(EARLIER)

    upgrade(revision="0018")
    above = schema.rows(LATER)
    downgrade(revision="0017")

    assert above == {
        "verifications": [("by_name", None, "user:18"), ("holder", stored(CHALLENGE), "user:17")],
        "verification_attempts": [("by_name", "2"), ("by_name", "3"), ("holder", "1")],
        "counters": [("otp-cooldown", "user:17"), ("x", "17")],
    }
    assert schema.rows(EARLIER) == before


def test_below_owners_a_deleted_user_takes_their_codes_along_again(empty_app: Flask) -> None:
    upgrade(revision="0017")
    add_codes_of_users()
    upgrade(revision="0018")
    downgrade(revision="0017")

    with db.engine.begin() as connection:
        connection.execute(text("DELETE FROM users WHERE id = 17"))

    assert column("verifications", "user_id") == [18]
    assert column("verification_attempts", "code_hash") == ["3"]


def test_codes_of_owners_that_are_no_users_do_not_survive_the_way_down(empty_app: Flask) -> None:
    upgrade(revision="0017")
    add_codes_of_users()
    upgrade(revision="0018")
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE verifications SET owner = 'app:shop' WHERE owner = 'user:17'"))
        connection.execute(text("UPDATE verifications SET owner = 'user:99' WHERE owner = 'user:18'"))
        connection.execute(text("UPDATE counters SET subject = 'app:shop' WHERE subject = 'user:17'"))

    downgrade(revision="0017")

    assert schema.rows(EARLIER) == {"verifications": [], "verification_attempts": [], "counters": [("x", "17")]}
