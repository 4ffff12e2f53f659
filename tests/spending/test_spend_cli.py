"""`flask spend` and the limits of apps, as an operator sees them."""

import csv
import io
import json
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask

from tests.api import Api
from tests.backends.verifications.shops import Shop
from tests.codes import request_code
from tests.conftest import MakeApp, Time
from tests.environments import PRODUCTION, load
from tests.factories import make_person, new_number

pytestmark = pytest.mark.usefixtures("midday")


def flask(app: Flask, *arguments: str) -> str:
    result = app.test_cli_runner().invoke(args=list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_status_shows_what_is_used_of_each_cap(make_app: MakeApp) -> None:
    app = make_app(SPEND_PER_DAY="1", SPEND_PER_COUNTRY_DAY="US=0.5")
    shop = Shop(app, name="shop", spend_per_day=Decimal("0.09"))
    request_code(Api(app), make_person(app))
    for _ in range(3):
        shop.start(new_number())

    found = json.loads(flask(app, "spend", "status", "--json"))

    assert (found["currency"], found["hasCap"], found["reservedForSignInsPercent"]) == ("EUR", True, 20)
    assert [
        (line["scope"], line["country"], line["app"], line["spent"], line["cap"], line["percent"], line["refused"])
        for line in found["lines"]
    ] == [
        ("total", None, None, "0.1335", "1.00", 13, 0),
        ("people", None, None, "0.0445", None, None, 0),
        ("app", None, "shop", "0.089", "0.09", 98, 1),
        ("country", "US", None, "0.1335", "0.50", 26, 0),
    ]
    assert [(one["scope"], one["country"], one["cap"]) for one in found["withoutSignIns"]] == [
        ("total", None, "0.80"), ("country", "US", "0.40"),
    ]  # fmt: skip
    shown = flask(app, "spend", "status")
    assert "app shop" in shown
    assert f"total: sign-ups, resets and apps used {found['withoutSignIns'][0]['spent']} of 0.80;" in shown


def test_the_ledger_of_a_day_as_json_csv_and_table(app: Flask, api: Api, time: Time) -> None:
    request_code(api, make_person(app))
    day = json.loads(flask(app, "spend", "status", "--json"))["day"]
    time.advance(86_400)

    lines = json.loads(flask(app, "spend", "ledger", "--day", day, "--json"))["lines"]
    rows = list(csv.DictReader(io.StringIO(flask(app, "spend", "ledger", "--day", day, "--csv"))))

    money = {"reserved": "0.0445", "givenBack": "0.00", "billed": "0.00", "open": "0.0445", "spent": "0.0445"}
    assert [line["scope"] for line in lines] == [row["scope"] for row in rows] == ["total", "people", "country"]
    assert {name: lines[0][name] for name in money} == {name: rows[0][name] for name in money} == money
    assert "GIVEN BACK" in flask(app, "spend", "ledger", "--day", day)
    assert json.loads(flask(app, "spend", "ledger", "--json"))["lines"] == []


def test_an_operator_sets_changes_and_removes_what_an_app_may_spend(app: Flask) -> None:
    made = json.loads(
        flask(app, "apps", "create", "store", "--scope", "verifications", "--spend-per-day", "12.5", "--json")
    )
    changed = json.loads(flask(app, "apps", "change", "store", "--spend-per-day", "7.0625", "--json"))
    kept = json.loads(flask(app, "apps", "change", "store", "--sends-per-day", "9", "--json"))
    removed = json.loads(flask(app, "apps", "change", "store", "--no-spend-limit", "--json"))

    assert [one["spendPerDay"] for one in (made, changed, kept, removed)] == ["12.50", "7.0625", "7.0625", None]
    assert removed["sendsPerDay"] == 9


@pytest.mark.one_database
def test_an_odd_limit_is_refused(app: Flask) -> None:
    flask(app, "apps", "create", "store", "--scope", "verifications")
    cases = (("--spend-per-day", "0"), ("--spend-per-day", "1", "--no-spend-limit"), ())

    codes = [app.test_cli_runner().invoke(args=["apps", "change", "store", *more]).exit_code for more in cases]

    assert codes == [2, 2, 2]


@pytest.mark.one_database
def test_production_without_a_cap_and_prices_without_a_rate_are_warnings(tmp_path: Any) -> None:
    settings = {name: text for name, text in PRODUCTION.items() if not name.startswith("SPEND_")}
    bare = "\n".join(load(tmp_path, **settings, SINCH_CURRENCY="USD").warnings)
    capped = load(tmp_path, **settings, SINCH_CURRENCY="USD", SPEND_PER_DAY="50", SPEND_RATES="USD=0.9").warnings

    assert "Neither SPEND_PER_DAY nor SPEND_PER_COUNTRY_DAY is set" in bare
    assert "SINCH_CURRENCY is USD" in bare
    assert [line.partition(" ")[0] for line in capped if "SPEND" in line] == ["SPEND_ALERT_EMAIL"]
