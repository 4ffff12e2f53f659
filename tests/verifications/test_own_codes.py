"""Codes that we make and compare ourselves, since their provider does neither."""

from decimal import Decimal
from typing import Any

import pytest
from flask import Flask

from otp_service.core.crypto.secrets import keyring
from otp_service.simulator import Simulator
from otp_service.verifications import own_codes, sweeping
from tests.accounts.phones import change_number
from tests.api import Api
from tests.codes import Outcome, new_code, request_code, verify
from tests.conftest import MakeApp, Time
from tests.factories import Person, code_on_phone, log_in, make_person, new_number, sign_in, wrong_code
from tests.gateways import die_after_the_gateway, gateway_of, messages_to, rows_of, steps_of
from tests.parallel import at_once, race
from tests.recovery.resets import NEW, can_sign_in, confirm, reset_code
from tests.verifications.crashes import Crash
from tests.webhooks.letters import tell

RIGHT = Outcome(200, "")
WRONG = Outcome(401, "otp_invalid")
SENT_AND_LOST: dict[str, Any] = {"kind": "reset", "phase": "after", "times": 1}


@pytest.fixture
def alone(make_app: MakeApp, sinch: Simulator) -> Flask:
    """An application with a gateway alone."""
    return make_app(**gateway_of(sinch))


@pytest.fixture
def api(alone: Flask) -> Api:
    return Api(alone)


@pytest.fixture
def person(alone: Flask) -> Person:
    return make_person(alone)


def sweep(app: Flask) -> sweeping.Swept:
    with app.app_context():
        return sweeping.sweep()


def test_everything_works_with_a_gateway_alone(api: Api, sinch: Simulator, time: Time, person: Person) -> None:
    token, number = sign_in(api, sinch, person)["token"], new_number()
    time.advance(121)

    change_number(api, sinch, token, number)
    moved = Person(person.id, person.email, number)
    time.advance(121)
    reset = confirm(api, moved.email, reset_code(api, sinch, moved))

    assert reset.status_code == 204, reset.json
    assert can_sign_in(api, moved.email, NEW)
    assert {call.operation for call in sinch.calls} == {"gateway"}


def test_a_code_is_stored_as_a_hash_of_its_row_and_told_to_the_gateway_alone(
    api: Api, sinch: Simulator, person: Person, caplog: pytest.LogCaptureFixture
) -> None:
    code = new_code(api, sinch, person)
    [row] = rows_of(api.app, person)
    verify(api, person, code)

    with api.app.app_context():
        assert own_codes.is_right(code, row.code_hash, row.id)
        assert row.code_hash not in keyring().digests(code, purpose="otp code of ours")
    assert code not in "".join(str(value) for value in row if not isinstance(value, int | Decimal))
    assert not [record for record in caplog.records if f"'{code}'" in str(record.__dict__)]


def test_each_message_has_a_code_of_six_digits_in_the_persons_words(make_app: MakeApp, sinch: Simulator) -> None:
    app = make_app(**gateway_of(sinch), WEBOTP_DOMAIN="app.example.com", OTP_COOLDOWN="0")
    api, person = Api(app), make_person(app)
    token = sign_in(api, sinch, person)["token"]
    api.send("PATCH", "/profile", json={"locale": "de-AT"}, token=token)

    code = new_code(api, sinch, person)

    assert (len(code), code.isdigit()) == (6, True)
    text = f"Ihr Bestätigungscode lautet {code}.\n\n@app.example.com #{code}"
    assert sinch.inbox(person.phone_number)[0]["text"] == text


def test_five_wrong_codes_end_it_as_they_end_every_code(api: Api, sinch: Simulator, person: Person) -> None:
    code = new_code(api, sinch, person)

    wrong = [verify(api, person, wrong_code(code, number)) for number in range(1, 6)]

    assert wrong == [WRONG] * 5
    assert verify(api, person, code) == (429, "too_many_attempts")
    assert steps_of(api.app, person) == [("http", "sms", "failed")]


@race
def test_of_50_parallel_right_codes_one_wins(api: Api, sinch: Simulator, person: Person, round_number: int) -> None:
    code = new_code(api, sinch, person)

    outcomes = at_once(50, lambda _: verify(api, person, code))

    assert sorted(outcomes) == [RIGHT] + [WRONG] * 49


def test_a_code_past_its_time_is_wrong_by_our_clock(api: Api, sinch: Simulator, time: Time, person: Person) -> None:
    code = new_code(api, sinch, person)
    time.advance(301)

    assert verify(api, person, code) == WRONG
    assert sweep(api.app).closed == 1
    assert steps_of(api.app, person) == [("http", "sms", "expired")]


def test_a_code_whose_start_has_an_unknown_outcome_works(api: Api, sinch: Simulator, person: Person) -> None:
    sinch.set_fault(operation="gateway", **SENT_AND_LOST)

    assert request_code(api, person).status_code == 503
    assert steps_of(api.app, person) == [("http", "sms", "reserved")]
    assert verify(api, person, code_on_phone(sinch, person)) == RIGHT
    assert steps_of(api.app, person) == [("http", "sms", "verified")]


@pytest.mark.parametrize("types_the_older", [True, False])
def test_while_an_outcome_is_unknown_the_older_code_works_too(
    api: Api, sinch: Simulator, time: Time, person: Person, types_the_older: bool
) -> None:
    older = new_code(api, sinch, person)
    time.advance(121)
    sinch.set_fault(operation="gateway", **SENT_AND_LOST)
    assert request_code(api, person).status_code == 503
    newer = code_on_phone(sinch, person)

    assert verify(api, person, older if types_the_older else newer) == RIGHT
    assert types_the_older or verify(api, person, older) == WRONG  # it was replaced: the newer one had arrived


def test_a_newer_code_that_was_sent_replaces_one_whose_outcome_is_unknown(
    api: Api, sinch: Simulator, person: Person
) -> None:
    sinch.set_fault(operation="gateway", **SENT_AND_LOST)
    first, second = log_in(api, person), log_in(api, person)
    newest, lost = sinch.inbox(person.phone_number)

    replaced = api.post("/auth/verify-otp", {"challengeToken": first["challengeToken"], "otpCode": lost["code"]})
    sent = api.post("/auth/verify-otp", {"challengeToken": second["challengeToken"], "otpCode": newest["code"]})

    assert (replaced.status_code, sent.status_code) == (401, 200)
    assert steps_of(api.app, person) == [("http", "sms", "superseded"), ("http", "sms", "verified")]


def test_wrong_codes_count_while_the_outcome_is_unknown(api: Api, sinch: Simulator, time: Time, person: Person) -> None:
    sinch.set_fault(operation="gateway", **SENT_AND_LOST)
    request_code(api, person)
    code = code_on_phone(sinch, person)

    wrong = [verify(api, person, wrong_code(code, number)) for number in range(1, 6)]

    assert wrong == [WRONG] * 5
    assert verify(api, person, code) == (429, "too_many_attempts")
    time.advance(301)
    assert sweep(api.app).settled == 1
    assert steps_of(api.app, person) == [("http", "sms", "expired")]


@pytest.mark.parametrize("is_typed", [True, False])
def test_a_crash_between_the_call_and_its_record_loses_no_code_and_no_time(
    alone: Flask, api: Api, sinch: Simulator, time: Time, person: Person, is_typed: bool
) -> None:
    die_after_the_gateway(alone)
    with pytest.raises(Crash):
        request_code(api, person)
    restarted = code_on_phone(sinch, person)
    time.advance(11)

    if is_typed:
        assert verify(api, person, restarted) == RIGHT
    else:
        with pytest.raises(Crash):  # it is called: nobody waits for the message that a crash left behind
            request_code(api, person)


def test_codes_on_their_way_survive_a_change_of_providers(
    api: Api, make_app: MakeApp, sinch: Simulator, person: Person
) -> None:
    code = new_code(api, sinch, person)

    assert verify(Api(make_app(OTP_PROVIDERS="sinch")), person, code) == RIGHT


def test_a_code_whose_provider_is_no_longer_in_use_ends_and_another_may_be_asked_for_at_once(
    api: Api, make_app: MakeApp, sinch: Simulator, person: Person
) -> None:
    code = new_code(Api(make_app()), sinch, person)

    assert verify(api, person, code) == WRONG
    assert steps_of(api.app, person) == [("sinch", "sms", "expired")]
    assert verify(api, person, new_code(api, sinch, person)) == RIGHT


def test_five_wrong_codes_stay_five_after_a_change_of_providers(
    api: Api, make_app: MakeApp, sinch: Simulator, person: Person
) -> None:
    before = Api(make_app())
    code = new_code(before, sinch, person)
    for number in range(1, 6):
        verify(before, person, wrong_code(code, number))

    assert verify(api, person, code) == (429, "too_many_attempts")


@pytest.mark.parametrize("state", ["reserved", "sent"])
def test_the_sweep_ends_what_no_provider_in_use_has_sent(
    alone: Flask, make_app: MakeApp, sinch: Simulator, time: Time, person: Person, state: str
) -> None:
    fault: dict[str, Any] = {"kind": "reset", "operation": "any", "phase": "after"}
    if state == "reserved":
        sinch.set_fault(**fault)
    request_code(Api(make_app()), person)
    assert steps_of(alone, person) == [("sinch", "sms", state)]
    time.advance(301)

    assert sweep(alone).failed == []
    assert steps_of(alone, person) == [("sinch", "sms", "expired")]


def test_a_message_costs_what_the_gateway_says_or_what_the_settings_say(
    make_app: MakeApp, sinch: Simulator, time: Time
) -> None:
    app = make_app(**gateway_of(sinch), HTTP_GATEWAY_PRICES="US=0.0125,*=0.1")
    person = make_person(app)
    verify(Api(app), person, new_code(Api(app), sinch, person))
    time.advance(3_600)

    swept, [row] = sweep(app), rows_of(app, person)

    assert (row.price_amount, row.price_currency) == (Decimal("0.0125"), "EUR")
    assert (swept.priced, sinch.count("status")) == (0, 0)


def test_an_event_of_sinch_changes_nothing_where_sinch_is_not_in_use(
    api: Api, sinch: Simulator, person: Person
) -> None:
    new_code(api, sinch, person)
    [row] = rows_of(api.app, person)
    identity = {"type": "number", "endpoint": person.phone_number}
    event = {"id": str(row.id), "reference": str(row.id), "method": "sms", "identity": identity}

    told = tell(api, {**event, "event": "VerificationResultEvent", "status": "FAIL"})

    assert told.status_code == 401
    assert steps_of(api.app, person) == [("http", "sms", "sent")]


def test_operators_see_who_sent_a_message(api: Api, sinch: Simulator, person: Person) -> None:
    log_in(api, person)

    result = api.app.test_cli_runner().invoke(args=["otp", "list", "--json"])

    assert '"provider": "http"' in result.output
    assert messages_to(sinch, person) == [("http", "sms")]
