"""When one provider surely sent nothing and another can: one request, one message, one budget."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from otp_service.simulator import Simulator
from otp_service.sinch.client import SinchClient
from tests.api import Api
from tests.codes import request_code, verify
from tests.conftest import MakeApp
from tests.environments import give_sinch, sinch_client_of
from tests.factories import Person, code_on_phone, make_person
from tests.gateways import gateway_of, messages_to, steps_of
from tests.parallel import at_once, race
from tests.servers import free_port
from tests.waiting import PATIENCE_SECONDS

SURELY_NOT_SENT: list[dict[str, Any]] = [
    {"kind": "status", "status_code": 500},
    {"kind": "status", "status_code": 429},
    {"kind": "status", "status_code": 402},
    {"kind": "status", "status_code": 401},
    {"kind": "status", "status_code": 422},
    {"kind": "denied"},
]
UNKNOWN: list[dict[str, Any]] = [
    {"kind": "reset", "phase": "before"},
    {"kind": "garbage", "phase": "before"},
    {"kind": "redirect"},
    {"kind": "status", "status_code": 502},
]
FAULTS: list[dict[str, Any]] = [
    {},
    {"kind": "status", "status_code": 402},
    {"kind": "status", "status_code": 500},
    {"kind": "reset", "phase": "before"},
    {"kind": "reset", "phase": "after"},
    {"kind": "half_body", "phase": "after"},
]
BY_THE_GATEWAY = [("http", "sms")]


@pytest.fixture
def api(make_app: MakeApp, sinch: Simulator) -> Api:
    """An application with Sinch and, when that fails, a gateway."""
    return Api(make_app(**gateway_of(sinch, "sinch,http")))


@pytest.fixture
def person(api: Api) -> Person:
    return make_person(api.app)


def request(api: Api, person: Person, **more: str) -> tuple[int, str]:
    """Ask for a code: the status, and the channel or the error's code."""
    response = request_code(api, person, **more)
    return response.status_code, response.json.get("channel") or response.json["code"]


@pytest.mark.parametrize("fault", SURELY_NOT_SENT)
def test_when_sinch_surely_sent_nothing_the_code_comes_by_the_gateway(
    api: Api, sinch: Simulator, person: Person, fault: dict[str, Any]
) -> None:
    sinch.set_fault(operation="start", **fault)

    assert request(api, person) == (200, "sms")
    assert messages_to(sinch, person) == BY_THE_GATEWAY
    assert steps_of(api.app, person) == [("http", "sms", "sent"), ("sinch", "sms", "undelivered")]
    assert verify(api, person, code_on_phone(sinch, person)) == (200, "")


def test_when_sinch_refuses_connections_the_code_comes_by_the_gateway(make_app: MakeApp, sinch: Simulator) -> None:
    settings = gateway_of(sinch, "sinch,http") | {"SINCH_BASE_URL": f"http://127.0.0.1:{free_port()}"}
    api = Api(make_app(**settings))
    person = make_person(api.app)

    assert request(api, person) == (200, "sms")
    assert messages_to(sinch, person) == BY_THE_GATEWAY


@pytest.mark.parametrize("fault", UNKNOWN)
def test_a_start_whose_outcome_is_unknown_goes_to_no_other_provider(
    api: Api, sinch: Simulator, person: Person, fault: dict[str, Any]
) -> None:
    sinch.set_fault(operation="start", **fault)

    assert request(api, person) == (503, "provider_unavailable")
    assert sinch.count("gateway") == 0


def test_while_sinch_stalls_the_gateway_sends_from_the_moment_the_breaker_opens(
    make_app: MakeApp, sinch: Simulator
) -> None:
    hasty = {"SINCH_TIMEOUT_MS": "100", "SINCH_BREAKER_FAILURES": "3"}
    api = Api(make_app(**gateway_of(sinch, "sinch,http"), **hasty))
    client = sinch_client_of(api.app)
    # A cool-down that no slow machine outlasts.
    give_sinch(api.app, SinchClient(replace(client._settings, cool_down_seconds=3_600), client._caller._before_call))
    person = make_person(api.app)
    sinch.set_fault("stall", "any", seconds=PATIENCE_SECONDS, phase="before")

    first = request(api, person)  # the start and two questions for its status
    second = request(api, person)

    assert (first, second) == ((503, "provider_unavailable"), (200, "sms"))
    assert messages_to(sinch, person) == BY_THE_GATEWAY
    assert api.get("//ready").json["checks"]["providerBreakers"] == {"sinch": "open", "http": "closed"}


def test_in_the_other_order_sinch_steps_in_for_the_gateway(make_app: MakeApp, sinch: Simulator) -> None:
    api = Api(make_app(**gateway_of(sinch, "http,sinch")))
    person = make_person(api.app)
    sinch.set_fault("status", "gateway", status_code=429)

    assert request(api, person) == (200, "sms")
    assert steps_of(api.app, person) == [("http", "sms", "undelivered"), ("sinch", "sms", "sent")]
    assert verify(api, person, code_on_phone(sinch, person)) == (200, "")


@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        ({"kind": "status", "status_code": 503}, []),
        ({"kind": "reset", "phase": "after"}, BY_THE_GATEWAY),
    ],
)
def test_after_an_unknown_outcome_at_the_gateway_sinch_sends_nothing(
    make_app: MakeApp, sinch: Simulator, fault: dict[str, Any], sent: list[tuple[str, str]]
) -> None:
    api = Api(make_app(**gateway_of(sinch, "http,sinch")))
    person = make_person(api.app)
    sinch.set_fault(operation="gateway", times=1, **fault)

    assert request(api, person) == (503, "provider_unavailable")
    assert (messages_to(sinch, person), sinch.count("start")) == (sent, 0)
    assert request(api, person) == (200, "sms")  # the wait was given back


def test_a_channel_is_tried_with_every_provider_before_the_next_one(make_app: MakeApp, sinch: Simulator) -> None:
    api = Api(make_app(**gateway_of(sinch, "sinch,http"), OTP_FALLBACK_CHANNELS="callout"))
    person = make_person(api.app)
    sinch.set_fault("status", "start", status_code=422, times=1)
    sinch.set_fault("status", "gateway", status_code=422, times=1)

    assert request(api, person) == (200, "callout")
    assert [call.operation for call in sinch.calls] == ["start", "gateway", "start"]
    assert messages_to(sinch, person) == [("sinch", "callout")]


def test_a_provider_that_refuses_everything_is_not_asked_for_another_channel(
    make_app: MakeApp, sinch: Simulator
) -> None:
    api = Api(make_app(**gateway_of(sinch, "sinch,http"), OTP_FALLBACK_CHANNELS="callout"))
    person = make_person(api.app)
    sinch.set_fault("status", "start", status_code=402)
    sinch.set_fault("status", "gateway", status_code=422, times=1)

    assert request(api, person) == (200, "callout")
    assert [call.operation for call in sinch.calls] == ["start", "gateway", "gateway"]
    [call] = sinch.inbox(person.phone_number)
    assert " ".join(call["code"]) in call["text"]  # a voice reads it digit by digit


def test_when_every_step_fails_all_is_given_back(api: Api, sinch: Simulator, person: Person) -> None:
    sinch.set_fault("status", "start", status_code=402, times=1)
    sinch.set_fault("status", "gateway", status_code=401, times=1)

    assert request(api, person) == (502, "provider_refused")
    assert request(api, person) == (200, "sms")
    assert messages_to(sinch, person) == [("sinch", "sms")]


def test_a_flash_call_is_sinchs_alone(make_app: MakeApp, sinch: Simulator) -> None:
    api = Api(make_app(**{**gateway_of(sinch, "sinch,http"), "OTP_ANONYMOUS_CHANNELS": "flashcall"}))
    person = make_person(api.app)
    sinch.set_fault("status", "start", status_code=402)

    assert request(api, person, channel="flashcall") == (502, "provider_refused")
    assert sinch.count("gateway") == 0


@pytest.mark.one_database
@pytest.mark.parametrize("order", ["sinch,http", "http,sinch"])
def test_whatever_fails_one_request_sends_one_message_and_its_code_works(
    make_app: MakeApp, sinch: Simulator, order: str
) -> None:
    api = Api(make_app(**gateway_of(sinch, order)))
    for at_sinch, at_gateway in product(FAULTS, FAULTS):
        person = make_person(api.app)
        for operation, fault in (("start", at_sinch), ("gateway", at_gateway)):
            if fault:
                sinch.set_fault(operation=operation, number=person.phone_number, **fault)

        response = request_code(api, person)

        story = (at_sinch, at_gateway, response.json)
        messages = messages_to(sinch, person)
        assert len(messages) == 1 if response.status_code == 200 else len(messages) <= 1, story
        if messages:
            assert verify(api, person, code_on_phone(sinch, person)) == (200, ""), story
        sinch.clear_faults()


@race
def test_of_20_parallel_requests_one_message_leaves_by_the_gateway(
    api: Api, sinch: Simulator, person: Person, round_number: int
) -> None:
    sinch.set_fault("status", "start", status_code=402)

    answers = at_once(20, lambda _: request_code(api, person).status_code)

    assert sorted(answers) == [200] + [429] * 19
    assert messages_to(sinch, person) == BY_THE_GATEWAY
