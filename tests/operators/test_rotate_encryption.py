"""`flask keys rotate-encryption`: what an older key sealed is sealed by the newest one, beside a running service."""

import ast
import base64
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select, update

from otp_service import outbox
from otp_service.core import clock
from otp_service.core.database import sealed_columns
from otp_service.core.database.sealed_columns import SealedColumn, all_sealed
from otp_service.core.database.transactions import execute, fetch_all, transaction
from otp_service.extensions import db
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import Person, code_on_phone, log_in, make_person, sign_in
from tests.factors.totp.authenticator import AuthenticatorApp, enrol, sign_in_with
from tests.parallel import at_once

OLD, NEW, STRANGE = (base64.b64encode(bytes([number]) * 32).decode() for number in (11, 12, 13))


def rotate(app: Flask) -> Result:
    return app.test_cli_runner().invoke(args=["keys", "rotate-encryption"])


def stored(app: Flask) -> list[str]:
    """Every sealed value."""
    with app.app_context():
        rows = [fetch_all(select(place.column).where(place.column.is_not(None))) for place in all_sealed()]
    return [row[0] for found in rows for row in found]


def key_ids(app: Flask) -> set[str]:
    return {value.partition(".")[0] for value in stored(app)}


def live(app: Flask, sinch: Simulator) -> tuple[Person, AuthenticatorApp]:
    """Leave a sealed value of every kind."""
    api, person = Api(app), make_person(app)
    return person, enrol(api, sign_in(api, sinch, person)["token"])[0]


@pytest.fixture
def old(make_app: MakeApp) -> Flask:
    """The service as it was."""
    return make_app(ENCRYPTION_KEY=OLD)


@pytest.fixture
def both(make_app: MakeApp) -> Flask:
    """The service while the keys change."""
    return make_app(ENCRYPTION_KEY=f"{NEW},{OLD}")


@pytest.fixture
def new(make_app: MakeApp) -> Flask:
    """The service when the old key is dropped."""
    return make_app(ENCRYPTION_KEY=NEW)


def test_everything_sealed_opens_with_the_new_key_alone(
    old: Flask, both: Flask, new: Flask, sinch: Simulator, time: Time
) -> None:
    person, authenticator = live(old, sinch)
    before = stored(old)
    assert len(all_sealed()) >= 4
    result = rotate(both)
    assert result.exit_code == 0, result.output
    after = stored(new)
    # One more: the audit trail keeps the key that signed its older rows.
    assert (len(after), set(before) & set(after)) == (len(before) + 1, set())
    assert len(key_ids(new)) == 1
    time.advance(120)
    assert sign_in_with(Api(new), person, authenticator.code()).status_code == 200
    with new.app_context():
        assert "factor_added" in {opened.template for opened in outbox.read(limit=20)}


def test_a_code_on_its_way_survives_the_change(old: Flask, both: Flask, sinch: Simulator) -> None:
    person = make_person(old)
    challenge = log_in(Api(old), person)["challengeToken"]
    assert rotate(both).exit_code == 0
    body = {"challengeToken": challenge, "otpCode": code_on_phone(sinch, person)}
    assert Api(both).post("/auth/verify-otp", body).status_code == 200


def test_the_command_tells_what_it_did_and_a_second_run_does_nothing(old: Flask, both: Flask, sinch: Simulator) -> None:
    live(old, sinch)
    first = rotate(both)
    assert re.search(r"^totp_authenticators\.secret +1 re-encrypted$", first.output, re.M)
    assert "No stored value needs an older key" in first.output
    values = stored(both)
    assert set(re.findall(r"(\d+) re-encrypted", rotate(both).output)) == {"0"}
    assert stored(both) == values


def test_with_one_key_there_is_nothing_to_do(old: Flask, sinch: Simulator) -> None:
    live(old, sinch)
    values = stored(old)
    assert rotate(old).exit_code == 0
    assert stored(old) == values


def test_what_no_key_opens_is_left_and_told(old: Flask, both: Flask, make_app: MakeApp, sinch: Simulator) -> None:
    live(make_app(ENCRYPTION_KEY=STRANGE), sinch)
    strange = stored(both)
    live(old, sinch)
    result = rotate(both)
    assert result.exit_code == 1
    assert f"{len(strange)} of these values cannot be decrypted with any key" in result.output
    assert set(strange) <= set(stored(both))
    assert len(key_ids(both)) == 2
    assert rotate(make_app(ENCRYPTION_KEY=f"{NEW},{STRANGE}")).exit_code == 0


def post_many(app: Flask, count: int) -> None:
    with app.app_context(), transaction():
        for _ in range(count):
            outbox.enqueue("recovery", to="a@example.com", locale=None, now=clock.now())


def place_named(name: str) -> SealedColumn:
    return next(place for place in all_sealed() if place.place == name)


def test_a_run_that_was_stopped_is_finished_by_the_next(old: Flask, both: Flask) -> None:
    post_many(old, 2 * sealed_columns.BATCH + 50)
    place = place_named("outbox_messages.to")
    with both.app_context():
        batches = sealed_columns.reseal(place)
        assert next(batches).resealed == sealed_columns.BATCH
        cast(Generator[Any], batches).close()  # here it is killed
        assert sealed_columns.count_outdated(place) == sealed_columns.BATCH + 50
        assert [batch.seen for batch in sealed_columns.reseal(place)] == [sealed_columns.BATCH, 50]
        assert sealed_columns.count_outdated(place) == 0


def test_parallel_runs_do_each_value_once(old: Flask, both: Flask) -> None:
    post_many(old, 300)

    def run(_: int) -> int:
        with both.app_context():
            return sum(batch.resealed for place in all_sealed() for batch in sealed_columns.reseal(place))

    assert sum(at_once(4, run)) == 600


def test_what_the_service_writes_meanwhile_is_not_written_over(old: Flask, both: Flask) -> None:
    post_many(old, 3)
    place = place_named("outbox_messages.to")
    with both.app_context():
        rows = sealed_columns.read_outdated(place, after=None)
        with transaction():
            execute(update(place.table).where(place.key == rows[1].key).values({place.column: None}))
        assert sealed_columns.reseal_batch(place, rows).resealed == 2
        assert fetch_all(select(place.column).where(place.key == rows[1].key))[0][0] is None


def contexts() -> set[str]:
    """`table.name` of every text in the code that begins like a context of a sealed value."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in Path("otp_service").rglob("*.py")]
    texts = [node.values[0] for tree in trees for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    starts: list[Any] = [text.value for text in texts if isinstance(text, ast.Constant)]
    found = {match[1] for start in starts if (match := re.match(r"([a-z_]+\.[a-z_]+):", str(start)))}
    return {name for name in found if name.partition(".")[0] in db.metadata.tables}


def test_every_place_that_something_is_sealed_for_has_its_column() -> None:
    found = contexts()

    assert {"verifications.provider_id", "outbox_messages.to"} <= found
    assert found == {place.place for place in all_sealed()}
    assert all(len(place.table.primary_key.columns) == 1 for place in all_sealed())
