"""When a start fails and another channel may do: one request, one message, one budget."""

import uuid
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from otp_service.core.database.transactions import fetch_all
from otp_service.simulator import Simulator
from otp_service.verifications import owner_of_user, sweeping
from otp_service.verifications.models import Verification
from tests.api import Api
from tests.codes import request_code
from tests.conftest import MakeApp, Time
from tests.environments import give_sinch, sinch_client_of
from tests.factories import code_on_phone, log_in, make_person
from tests.parallel import at_once, race
from tests.verifications.crashes import Crash, MortalClient, Point

Row = tuple[str, str]
CURED: list[dict[str, Any]] = [
    {"kind": "status", "status_code": 422},
    {"kind": "status", "status_code": 500, "phase": "before"},
    {"kind": "status", "status_code": 503, "phase": "before"},
]
NOT_CURED: list[tuple[dict[str, Any], int]] = [
    ({"kind": "status", "status_code": 429, "phase": "before"}, 503),
    ({"kind": "status", "status_code": 402, "phase": "before"}, 502),
    ({"kind": "status", "status_code": 401, "phase": "before"}, 502),
    ({"kind": "status", "status_code": 502, "phase": "before"}, 503),
    ({"kind": "denied"}, 422),
    ({"kind": "redirect"}, 503),
    ({"kind": "reset", "phase": "before"}, 503),
    ({"kind": "garbage", "phase": "before"}, 503),
]


@pytest.fixture
def api(make_app: MakeApp) -> Api:
    """An application that calls when it cannot write."""
    return Api(make_app(OTP_FALLBACK_CHANNELS="callout"))


def verifications(app: Flask, user_id: int) -> list[Row]:
    with app.app_context():
        statement = select(Verification.channel, Verification.state).where(Verification.owner == owner_of_user(user_id))
        return sorted((row.channel, row.state) for row in fetch_all(statement))


@pytest.mark.parametrize("fault", CURED)
def test_when_an_sms_fails_the_phone_rings_within_the_same_request(
    api: Api, sinch: Simulator, fault: dict[str, Any]
) -> None:
    person = make_person(api.app)
    sinch.set_fault(operation="start", times=1, **fault)
    response = request_code(api, person)
    assert (response.status_code, response.json["channel"]) == (200, "callout"), response.json
    assert "via callout" in response.json["message"]
    assert [message["channel"] for message in sinch.inbox(person.phone_number)] == ["callout"]
    assert verifications(api.app, person.id) == [("callout", "sent"), ("sms", "undelivered")]
    body = {"email": person.email, "otpCode": code_on_phone(sinch, person)}
    assert api.post("/auth/verify-otp", body).status_code == 200


def test_the_verification_that_stands_in_has_a_reference_of_its_own(api: Api, sinch: Simulator) -> None:
    person = make_person(api.app)
    sinch.set_fault("status", "start", status_code=422, times=1)
    request_code(api, person)
    with api.app.app_context():
        [row] = fetch_all(select(Verification.id).where(Verification.state == "sent"))
    assert sinch.inbox(person.phone_number)[0]["reference"] == str(row.id)


@pytest.mark.parametrize(("fault", "status"), NOT_CURED)
def test_what_another_channel_cannot_cure_or_might_double_is_not_tried(
    api: Api, sinch: Simulator, fault: dict[str, Any], status: int
) -> None:
    person = make_person(api.app)
    sinch.set_fault(operation="start", **fault)
    assert request_code(api, person).status_code == status
    sinch.clear_faults()
    assert sinch.inbox(person.phone_number) == []
    assert [channel for channel, _ in verifications(api.app, person.id)] == ["sms"]
    assert request_code(api, person).status_code == 200, "nothing was spent"


@pytest.mark.parametrize("fault", [{"kind": "status", "status_code": 500}, {"kind": "reset"}, {"kind": "garbage"}])
def test_an_sms_that_left_is_not_followed_by_a_call(api: Api, sinch: Simulator, fault: dict[str, Any]) -> None:
    person = make_person(api.app)
    sinch.set_fault(operation="start", phase="after", times=1, **fault)
    assert request_code(api, person).json["channel"] == "sms"
    assert len(sinch.inbox(person.phone_number)) == 1


def test_while_the_provider_cannot_be_asked_nothing_else_is_tried(api: Api, sinch: Simulator) -> None:
    person = make_person(api.app)
    sinch.set_fault("status", "any", status_code=500, phase="after")
    assert request_code(api, person).status_code == 503
    assert [message["channel"] for message in sinch.inbox(person.phone_number)] == ["sms"]
    sinch.clear_faults()
    body = {"email": person.email, "otpCode": code_on_phone(sinch, person)}
    assert api.post("/auth/verify-otp", body).status_code == 200


def test_a_call_in_place_of_an_sms_takes_the_cooldown_and_the_budget_once(make_app: MakeApp, sinch: Simulator) -> None:
    settings = {"OTP_FALLBACK_CHANNELS": "callout", "OTP_SENDS_PER_NUMBER_HOUR": "2"}
    api = Api(make_app(**settings))
    person = make_person(api.app)
    sinch.set_fault("status", "start", status_code=422, times=1)
    assert request_code(api, person).json["channel"] == "callout"
    assert request_code(api, person).json["code"] == "otp_cooldown"


def test_when_every_channel_fails_everything_is_given_back_once(make_app: MakeApp, sinch: Simulator) -> None:
    settings = {"OTP_FALLBACK_CHANNELS": "whatsapp,callout", "OTP_SENDS_PER_NUMBER_HOUR": "1"}
    api = Api(make_app(**settings))
    person = make_person(api.app)
    sinch.set_fault("status", "start", status_code=422)
    response = request_code(api, person)
    assert (response.status_code, response.json["code"]) == (422, "number_unreachable")
    assert sinch.count("start", person.phone_number) == 3
    sinch.clear_faults()
    assert request_code(api, person).status_code == 200
    assert request_code(api, person).status_code == 429
    states = [state for _, state in verifications(api.app, person.id)]
    assert sorted(states) == ["sent", "undelivered", "undelivered", "undelivered"]


def test_the_configured_order_is_kept_and_no_channel_tried_twice(make_app: MakeApp, sinch: Simulator) -> None:
    api = Api(make_app(OTP_FALLBACK_CHANNELS="whatsapp,callout,sms"))
    person = make_person(api.app)
    sinch.set_fault("status", "start", status_code=422, times=2)
    assert request_code(api, person, channel="callout").json["channel"] == "sms"
    assert verifications(api.app, person.id) == [
        ("callout", "undelivered"), ("sms", "sent"), ("whatsapp", "undelivered"),
    ]  # fmt: skip


def test_a_fixed_line_is_called_at_once(api: Api, sinch: Simulator) -> None:
    person = make_person(api.app, phone_number="+442079460000")
    assert request_code(api, person).json["channel"] == "callout"
    assert sinch.count("start") == 1


def test_while_existence_is_hidden_a_fixed_line_gets_the_same_answer_whose_ever_it_is(make_app: MakeApp) -> None:
    api = Api(make_app(OTP_FALLBACK_CHANNELS="callout", HIDE_ACCOUNT_EXISTENCE="true"))
    known, unknown = make_person(api.app, phone_number="+442079460000").phone_number, "+442079460999"
    answers = [api.post("/auth/request-otp", {"phoneNumber": number}) for number in (known, unknown)]
    assert [(answer.status_code, answer.json["channel"]) for answer in answers] == [(200, "callout")] * 2


def test_a_channel_that_does_not_reach_the_number_is_passed_over(make_app: MakeApp, sinch: Simulator) -> None:
    api = Api(make_app(OTP_FALLBACK_CHANNELS="flashcall,whatsapp"))
    person = make_person(api.app, phone_number="+442079460000")
    sinch.set_fault("status", "start", status_code=422, times=1)
    assert request_code(api, person, channel="callout").status_code == 422
    assert sinch.count("start") == 1


def test_a_login_tells_the_channel_that_was_used_and_the_challenge_is_met_by_its_code(
    api: Api, sinch: Simulator
) -> None:
    person = make_person(api.app)
    sinch.set_fault("status", "start", status_code=422, times=1)
    answer = log_in(api, person)
    assert answer["channel"] == "callout"
    body = {"challengeToken": answer["challengeToken"], "otpCode": code_on_phone(sinch, person)}
    assert "token" in api.post("/auth/verify-otp", body).json


@race
def test_of_20_parallel_requests_one_message_leaves_by_the_other_channel(
    api: Api, sinch: Simulator, round_number: int
) -> None:
    person = make_person(api.app)
    sinch.set_fault("status", "start", status_code=422, number=person.phone_number, times=1)
    answers = at_once(20, lambda _: request_code(api, person).status_code)
    assert sorted(answers) == [200] + [429] * 19
    assert [message["channel"] for message in sinch.inbox(person.phone_number)] == ["callout"]


@pytest.mark.parametrize("point", [Point.BEFORE_CALL, Point.AFTER_CALL])
def test_a_crash_between_the_two_channels_is_healed(api: Api, sinch: Simulator, time: Time, point: Point) -> None:
    person = make_person(api.app)
    client = sinch_client_of(api.app)
    dying = DiesAtTheSecondStart(client._settings, client._caller._before_call)
    give_sinch(api.app, dying)
    dying.point = point
    sinch.set_fault("status", "start", status_code=422, times=1)
    with pytest.raises(Crash):
        request_code(api, person)
    assert verifications(api.app, person.id) == [("callout", "reserved"), ("sms", "undelivered")]
    if point is Point.AFTER_CALL:
        body = {"email": person.email, "otpCode": code_on_phone(sinch, person)}
        assert api.post("/auth/verify-otp", body).status_code == 200
        return
    time.advance(11)
    with api.app.app_context():
        assert sweeping.sweep().settled == 1
    assert request_code(api, person).status_code == 200


class DiesAtTheSecondStart(MortalClient):
    """Outlives the first channel."""

    point = Point.NOWHERE

    def start(self, *args: Any, **options: Any) -> Any:
        """Start, and die at the next one."""
        try:
            return super().start(*args, **options)
        finally:
            self.dies_at, self.point = self.point, Point.NOWHERE


@pytest.mark.parametrize("names", ["pigeon", "sms,seamless"])
def test_only_channels_that_exist_can_be_configured(make_app: MakeApp, names: str) -> None:
    with pytest.raises(SystemExit, match="OTP_FALLBACK_CHANNELS: holds"):
        make_app(OTP_FALLBACK_CHANNELS=names)


def test_references_are_never_used_twice(api: Api, sinch: Simulator) -> None:
    person = make_person(api.app)
    sinch.set_fault("status", "start", status_code=500, times=1)
    request_code(api, person)
    with api.app.app_context():
        ids = [
            row.id for row in fetch_all(select(Verification.id).where(Verification.owner == owner_of_user(person.id)))
        ]
    assert len({uuid.UUID(str(one)) for one in ids}) == 2
