"""What one user to be imported must be."""

from datetime import UTC, datetime

import bcrypt
import pytest

from otp_service.accounts.importing.columns import Fault, Place, Row
from otp_service.accounts.importing.validation import Parser
from otp_service.accounts.new_users import NewUser
from otp_service.core.crypto import hashing
from tests.accounts.moving import HASH
from tests.factories import PASSWORD

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLAIN = "$2b$10$" + "." * 53


def check(**changes: object) -> NewUser | Fault:
    values = {"email": "a@example.com", "phone_number": "+14155552671", "password_hash": HASH, **changes}
    return Parser(default_region=None, now=NOW).parse(Row(Place("line", 2), values))


def reason(**changes: object) -> str:
    fault = check(**changes)
    assert isinstance(fault, Fault), fault
    (told,) = fault.reasons
    return told


def test_what_is_missing_is_named() -> None:
    assert Parser(default_region=None, now=NOW).parse(Row(Place("id", 7), {"email": ""})) == Fault(
        Place("id", 7), ("email is missing", "passwordHash is missing")
    )


def test_an_address_may_be_missing_where_there_is_a_number() -> None:
    assert isinstance(check(email=""), NewUser)
    assert reason(email="", email_verified=True) == "emailVerified needs an email"
    assert reason(email="", phone_number="") == "email is missing"


def test_a_number_may_be_missing_but_then_it_is_not_proven() -> None:
    assert isinstance(check(phone_number=""), NewUser)
    assert reason(phone_number="", is_verified=True) == "isVerified needs a phoneNumber"


@pytest.mark.parametrize(
    "made",
    [
        bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4, prefix=b"2a")).decode(),
        HASH,
        HASH.replace("$2b$", "$2y$"),
        hashing.hash_password(PASSWORD, cost=5),
    ],
    ids=["2a", "2b", "2y", "bcrypt-sha256"],
)
def test_every_hash_that_is_accepted_can_be_signed_in_with(made: str) -> None:
    assert isinstance(check(password_hash=made), NewUser)
    assert hashing.verify_password(PASSWORD, made, cost=4).matches


@pytest.mark.parametrize(
    "unknown",
    [
        "x",
        HASH[:-1],
        f"{HASH}.",
        f"{HASH}\n",
        f" {HASH}",
        HASH.replace("$2b$", "$2x$"),
        HASH[:28] + "z" + HASH[29:],
        HASH.replace("$04$", "$4$"),
        "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaaaa",
        hashing.hash_password(PASSWORD, cost=4).replace("v=2", "v=1"),
        "5f4dcc3b5aa765d61d8327deb882cf99",
        PASSWORD,
    ],
    ids=range(12),  # the same in every test process: hashes are not
)
def test_other_hashes_are_refused_and_could_not_be_signed_in_with(unknown: str) -> None:
    assert reason(password_hash=unknown).startswith("passwordHash has an unknown format")
    assert not hashing.verify_password(PASSWORD, unknown, cost=4).matches


@pytest.mark.parametrize("cost", ["03", "16", "31", "00"])
def test_hashes_that_cost_nothing_or_too_much_are_refused(cost: str) -> None:
    assert reason(password_hash=PLAIN.replace("$10$", f"${cost}$")) == (
        "passwordHash has a cost out of range (4 to 15)"
    )
    assert reason(password_hash=f"$bcrypt-sha256$v=2,t=2b,r=16${'.' * 22}${'.' * 31}").endswith("(4 to 15)")


@pytest.mark.parametrize("name", ["email", "phone_number", "password_hash", "display_name", "locale"])
@pytest.mark.parametrize("value", [1, True, [], {}, 1.5])
def test_a_text_is_a_text(name: str, value: object) -> None:
    assert reason(**{name: value}).endswith("must be a text")


@pytest.mark.parametrize("name", ["is_verified", "email_verified", "is_locked"])
@pytest.mark.parametrize("value", ["true", "", 1, 0, []])
def test_truth_is_true_or_false(name: str, value: object) -> None:
    assert reason(**{name: value}).endswith("must be true or false")


@pytest.mark.parametrize("name", ["email", "phone_number", "password_hash", "display_name", "locale"])
@pytest.mark.parametrize("character", ["\x00", "\ud800"])
def test_no_text_holds_what_a_database_cannot(name: str, character: str) -> None:
    assert "contains a character that cannot be stored" in reason(**{name: f"a{character}b"})


@pytest.mark.parametrize(("name", "most"), [("email", 254), ("phone_number", 320), ("display_name", 100)])
def test_over_long_texts_are_named(name: str, most: int) -> None:
    assert reason(**{name: "x" * (most + 1)}).endswith(f"is longer than {most} characters")


def test_an_address_that_grows_beyond_the_column_in_its_canonical_form_is_refused() -> None:
    assert reason(email=f"{'İ' * 64}@{'a' * 60}.{'b' * 60}.{'c' * 60}.com") == "email is not an e-mail address"


@pytest.mark.parametrize("locale", ["e", "en-", "en US", "en-US\n", "english-language", "../x"])
def test_a_locale_that_the_provider_would_not_take_is_refused(locale: str) -> None:
    assert reason(locale=locale) == "locale is not a language tag such as en-US"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-05-17T09:30:00Z", "2024-05-17T09:30:00+00:00"),
        ("2024-05-17T09:30:00.123456+02:00", "2024-05-17T07:30:00.123456+00:00"),
        ("2024-05-17 09:30:00.5+00", "2024-05-17T09:30:00.500000+00:00"),
        ("2024-05-17T09:30:00", "2024-05-17T09:30:00+00:00"),
        ("2024-05-17", "2024-05-17T00:00:00+00:00"),
    ],
)
def test_times_are_iso_8601_and_utc_unless_they_say_otherwise(text: str, moment: str) -> None:
    user = check(created_at=text)
    assert isinstance(user, NewUser)
    assert user.created_at is not None
    assert user.created_at.isoformat() == moment


@pytest.mark.parametrize("value", ["", "yesterday", "17.05.2024", 1715938200, True, "0001-01-01T00:00:00+10:00"])
def test_other_times_are_refused(value: object) -> None:
    assert reason(created_at=value) == "createdAt is not an ISO 8601 time such as 2024-05-17T09:30:00Z"


@pytest.mark.parametrize("text", ["1969-12-31T23:59:59Z", "2026-01-02T00:00:01Z"])
def test_nobody_was_registered_before_there_was_time_or_tomorrow(text: str) -> None:
    assert reason(created_at=text) == "createdAt is before 1970 or in the future"
