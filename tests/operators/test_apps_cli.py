"""`flask apps`, as an operator uses it."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from otp_service.backends import apps
from otp_service.backends.apps import AppFault
from otp_service.core.database.transactions import fetch_all
from otp_service.extensions import db
from tests.parallel import at_once, race
from tests.trail import entries

KEY = re.compile(r"otpk_[A-Za-z0-9]{12}_[A-Za-z0-9]{43}")
Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask) -> Run:
    """Run `flask apps ...` in this process."""

    def invoke(*arguments: str) -> Result:
        return app.test_cli_runner().invoke(args=["apps", *arguments])

    return invoke


def made(run: Run, name: str = "shop", *options: str) -> dict[str, Any]:
    result = run("create", name, "--scope", "verifications", *options, "--json")
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def told(run: Run, *arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def stored(app: Flask) -> str:
    """Everything in the database."""
    with app.app_context():
        return repr([tuple(row) for table in db.metadata.sorted_tables for row in fetch_all(select(table))])


def test_standard_output_holds_the_new_key_alone(run: Run) -> None:
    result = run("create", "shop", "--scope", "verifications", "--scope", "users:read")

    assert result.exit_code == 0
    assert KEY.fullmatch(result.stdout.strip())
    assert "only time that the key is shown" in result.stderr


def test_an_app_is_made_with_its_scopes_and_its_limit(run: Run) -> None:
    created = made(run, "shop", "--scope", "users:read", "--sends-per-day", "500")

    assert created["scopes"] == ["users:read", "verifications"]
    assert (created["name"], created["sendsPerDay"], created["disabledAt"]) == ("shop", 500, None)
    assert [key["id"] for key in created["keys"]] == [created["keyId"]]
    assert created["key"].startswith(f"otpk_{created['keyId']}_")


def test_a_key_is_stored_and_shown_nowhere(app: Flask, run: Run) -> None:
    key = made(run)["key"]
    secret = key.rpartition("_")[2]

    outputs = [
        run(*words).output for words in (("list",), ("list", "--json"), ("show", "shop"), ("show", "shop", "--json"))
    ]

    assert all("shop" in output for output in outputs)
    assert secret not in repr(outputs) + stored(app)


@pytest.mark.one_database
def test_an_unknown_scope_is_rejected_with_the_possible_ones(run: Run) -> None:
    result = run("create", "shop", "--scope", "everything")

    assert result.exit_code == 2
    assert all(scope in result.output for scope in ("verifications", "users:read", "users:write", "tokens"))
    assert run("create", "shop").exit_code == 2


@pytest.mark.one_database
@pytest.mark.parametrize("name", ["", "a b", "a/b", "-x", "x" * 41, "é", "a\n", "a:b"])
def test_a_name_that_would_break_elsewhere_is_rejected(run: Run, name: str) -> None:
    result = run("create", "--scope", "tokens", "--", name)

    assert result.exit_code == 1
    assert "letters, digits, dots, hyphens and underscores" in result.output


def test_a_name_is_given_once(run: Run) -> None:
    made(run)

    again = run("create", "shop", "--scope", "tokens")

    assert again.exit_code == 1
    assert "There is an app 'shop' already" in again.output
    assert "flask apps change shop --scope tokens --scope verifications" in again.output
    assert "apps change" not in run("create", "shop", "--scope", "verifications").output
    assert told(run, "show", "shop")["scopes"] == ["verifications"]


def test_an_app_has_two_keys_and_a_third_is_refused_with_what_to_do(run: Run) -> None:
    first = made(run)["keyId"]
    second = told(run, "add-key", "shop")["keyId"]

    third = run("add-key", "shop")
    assert third.exit_code == 1
    assert all(word in third.output for word in (first, second, "flask apps revoke-key shop KEY_ID"))
    assert run("revoke-key", "shop", first).exit_code == 0

    assert {key["id"] for key in told(run, "add-key", "shop")["keys"]} > {second}


@race
def test_of_keys_added_at_once_two_remain(app: Flask, run: Run, round_number: int) -> None:
    made(run)

    def add(_: int) -> bool:
        with app.app_context():
            try:
                apps.add_key("shop")
            except AppFault:
                return False
            return True

    assert sorted(at_once(6, add)) == [False] * 5 + [True]
    assert len(told(run, "show", "shop")["keys"]) == 2


def test_a_key_is_revoked_by_its_id_or_by_itself_and_never_echoed(run: Run) -> None:
    first = made(run)
    second = told(run, "add-key", "shop")

    results = [run("revoke-key", "shop", name) for name in (first["keyId"], second["key"], second["keyId"])]

    assert [result.exit_code for result in results] == [0, 0, 1]
    assert second["key"] not in results[1].output
    assert "Try: flask apps show shop" in results[2].output
    assert told(run, "show", "shop")["keys"] == []


def test_a_key_is_revoked_only_by_the_name_of_its_own_app(run: Run) -> None:
    key = made(run, "shop")["keyId"]
    made(run, "other")

    assert run("revoke-key", "other", key).exit_code == 1
    assert len(told(run, "show", "shop")["keys"]) == 1


def test_an_app_is_disabled_enabled_and_deleted(run: Run) -> None:
    made(run)

    assert told(run, "disable", "shop")["disabledAt"] is not None
    assert "disabled" in run("list").output
    assert told(run, "enable", "shop")["disabledAt"] is None
    assert "--yes" in run("delete", "shop").output
    assert run("delete", "shop", "--yes").exit_code == 0
    assert run("list").output.count("shop") == 0


def test_scopes_and_the_limit_change_and_the_key_stays(run: Run) -> None:
    made(run, "shop", "--sends-per-day", "5")

    more = told(run, "change", "shop", "--scope", "tokens", "--scope", "users:read")
    lifted = told(run, "change", "shop", "--no-daily-limit")

    assert (more["scopes"], more["sendsPerDay"]) == (["tokens", "users:read"], 5)
    assert (lifted["scopes"], lifted["sendsPerDay"], len(lifted["keys"])) == (["tokens", "users:read"], None, 1)
    assert run("change", "shop").exit_code == 2
    assert run("change", "shop", "--sends-per-day", "5", "--no-daily-limit").exit_code == 2


def test_an_app_that_is_deleted_leaves_its_name_and_not_its_id(run: Run) -> None:
    before = made(run)["id"]
    run("delete", "shop", "--yes")

    assert made(run)["id"] > before


@pytest.mark.one_database
@pytest.mark.parametrize("command", ["show", "add-key", "disable", "enable"])
def test_an_unknown_name_is_said_to_be_unknown(run: Run, command: str) -> None:
    result = run(command, "nowhere")

    assert (result.exit_code, "There is no app 'nowhere'. Try: flask apps list" in result.output) == (1, True)


def test_each_act_is_in_the_audit_trail_with_the_name_of_the_app(app: Flask, run: Run) -> None:
    key = made(run)["keyId"]
    for words in (
        ("add-key", "shop"),
        ("revoke-key", "shop", key),
        ("disable", "shop"),
        ("disable", "shop"),
        ("enable", "shop"),
    ):
        run(*words)
    run("delete", "shop", "--yes")

    events = entries(app)

    assert [event.event.removeprefix("app.") for event in events] == [
        "created", "key_added", "key_revoked", "disabled", "enabled", "deleted",
    ]  # fmt: skip
    assert {(event.facts["app"], event.agent) for event in events} == {("shop", "command line")}
