"""`flask fraud allow|deny|list|remove|reset`: an operator overrules the guard, and the record says who and why."""

import getpass
import logging
from typing import Any

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.backends.verifications.shops import Shop
from tests.conftest import Time
from tests.fraud.traffic import HONEST, PUMPED, add_sends, events, fold, pump, told


def failed(app: Flask, *arguments: str) -> str:
    result = app.test_cli_runner().invoke(args=["fraud", *arguments])
    assert result.exit_code in {1, 2}
    return str(result.stderr)


def listed(app: Flask) -> list[tuple[Any, ...]]:
    return [(rule["prefix"], rule["action"], rule["state"]) for rule in told(app, "list")]


def test_a_denied_prefix_is_refused_before_anything_is_spent(
    app: Flask, sinch: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    told(app, "deny", PUMPED[:5], "--reason", "pumped in May")
    shop = Shop(app, sends_per_day=1)

    with caplog.at_level(logging.INFO, logger="otp_service.fraud"):
        answer = shop.start(f"{PUMPED}0001")

    assert (answer.status_code, answer.json["code"]) == (422, "destination_not_allowed")
    assert "May" not in answer.text
    assert "pumped in May" in [vars(record).get("rule") for record in caplog.records]
    assert sinch.calls == []
    assert shop.start(f"{HONEST}0001").status_code == 201, "the refusal used up the one message of the day"
    assert told(app, "status")["refused"] == 1


def test_an_allowed_prefix_passes_whatever_the_guard_finds(app: Flask, sinch: Simulator, time: Time) -> None:
    add_sends(app)
    shop = Shop(app)
    assert pump(shop, time, 2)[1][0] == 403

    rule = told(app, "allow", f"{PUMPED}00", "--reason", "our own phones")

    assert rule["author"] == getpass.getuser()
    assert [shop.start(f"{PUMPED}00{number}").status_code for number in (50, 51, 52)] == [201] * 3
    assert shop.start(f"{PUMPED}0900").status_code == 403, "the rule ends at its prefix"
    assert told(app, "explain", f"{PUMPED}0001")["rules"][0]["reason"] == "our own phones"


def test_a_whole_country_is_allowed_with_a_yes_alone(app: Flask) -> None:
    told(app, "allow", "+49", "--reason", "our own country")
    told(app, "allow", "+4915", "--reason", "two digits more")

    assert [rule[0] for rule in listed(app)] == ["+49", "+4915"]


def test_of_two_rules_the_longer_prefix_decides(app: Flask, sinch: Simulator) -> None:
    told(app, "deny", "+49 151", "--reason", "pumped")
    told(app, "allow", f"{PUMPED}0001", "--reason", "the office")
    shop = Shop(app)

    assert [shop.start(f"{PUMPED}000{digit}").status_code for digit in (1, 2)] == [201, 422]


def test_a_rule_expires(app: Flask, sinch: Simulator, time: Time) -> None:
    told(app, "deny", PUMPED, "--reason", "for now", "--for", "2h")
    shop = Shop(app)
    before = shop.start(f"{PUMPED}0001").status_code

    time.advance(7_201)

    assert (before, shop.start(f"{PUMPED}0001").status_code) == (422, 201)
    assert listed(app) == [(PUMPED, "deny", "expired")]


def test_a_rule_takes_the_place_of_the_earlier_one_and_can_be_removed(app: Flask) -> None:
    told(app, "deny", PUMPED, "--reason", "pumped", "--expires", "2099-01-31")
    told(app, "allow", PUMPED, "--reason", "over")
    first = listed(app)

    removed = told(app, "remove", PUMPED)

    assert first == [(PUMPED, "allow", "in force")]
    assert (removed["action"], listed(app)) == ("allow", [])
    assert [one["action"] for one in events(app, "fraud.rule_added")] == ["deny", "allow"]
    assert events(app, "fraud.rule_removed") == [{"prefix": PUMPED, "action": "allow", "author": getpass.getuser()}]


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("arguments", "told_why"),
    [
        (("deny", "44", "--reason", "x"), "'44' is no prefix and no number"),
        (("deny", "+0", "--reason", "x"), "no prefix"),
        (("deny", "+44"), "--reason"),
        (("deny", "+44", "--reason", "  "), "Say why"),
        (("deny", "+44", "--reason", "x" * 201), "201 characters"),
        (("deny", "+44", "--reason", "x", "--for", "soon"), "no span"),
        (("deny", "+44", "--reason", "x", "--expires", "2020-01-01"), "expired already"),
        (("deny", "+44", "--reason", "x", "--expires", "2099-01-01", "--for", "2h"), "not both"),
        (("deny", "+44", "--reason", "x", "--expires", "9999-12-31T23:59:59-14:00"), "no time"),
        (("events", "--since", "0001-01-01T00:00:00+14:00"), "no time"),
        (("allow", "+1", "--reason", "x"), "add --yes"),
        (("allow", "+4", "--reason", "x"), "add --yes"),
        (("remove", "+44"), "There is no rule for +44"),
        (("reset",), "Name a PREFIX or NUMBER"),
        (("explain", "+44"), "Name a whole number"),
    ],
)
def test_what_cannot_be_done_is_told(app: Flask, arguments: tuple[str, ...], told_why: str) -> None:
    assert told_why in failed(app, *arguments)


def test_a_reset_opens_a_number_and_ends_its_block(app: Flask, sinch: Simulator, time: Time) -> None:
    add_sends(app)
    shop = Shop(app)
    assert pump(shop, time, 2)[1][0] == 403

    forgotten = told(app, "reset", f"{PUMPED}0500")

    assert f"1000:{PUMPED}0" in forgotten["keys"]
    assert shop.start(f"{PUMPED}0500").status_code == 201
    assert [one["because"] for one in events(app, "fraud.block_ended")] == ["reset"]


def test_a_reset_of_all_forgets_all_but_the_rules(app: Flask) -> None:
    add_sends(app)
    fold(app)
    told(app, "deny", "+88", "--reason", "satellites")

    told(app, "reset", "--all", "--yes")

    status = told(app, "status")
    assert (status["nodes"], status["blocks"], status["rules"]) == (0, [], 1)
    assert told(app, "explain", f"{PUMPED}0500")["decision"] == "allow"
