"""What Sinch asks and tells, posted by the simulated Sinch: starts that are allowed, codes of ours, news of the end."""

import uuid
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from otp_service.core.database.transactions import fetch_all
from otp_service.providers import Channel
from otp_service.simulator import Simulator
from otp_service.verifications import owner_of_user, sweeping
from otp_service.verifications.models import Verification
from tests.api import Api
from tests.codes import request_code, verify
from tests.conftest import Time
from tests.factories import Person, code_on_phone, log_in, make_person, sign_in, wrong_code
from tests.webhooks.conftest import Listen
from tests.webhooks.letters import tell

CHANNELS = ("sms", "callout", "flashcall", "whatsapp")


def row_of(app: Flask, person: Person) -> Any:
    with app.app_context():
        [row] = fetch_all(select(Verification.__table__).where(Verification.owner == owner_of_user(person.id)))
        return row


def event_about(api: Api, sinch: Simulator, person: Person, **fields: Any) -> dict[str, Any]:
    """News of the newest verification, made by hand."""
    message = sinch.inbox(person.phone_number)[0]
    identity = {"type": "number", "endpoint": person.phone_number}
    named = {"id": message["verificationId"], "reference": message["reference"], "method": message["channel"]}
    return {**named, "identity": identity, "event": "VerificationResultEvent", **fields}


@pytest.mark.parametrize("channel", CHANNELS)
def test_over_every_channel_the_start_is_allowed_and_the_code_works(heard: Api, sinch: Simulator, channel: str) -> None:
    person = make_person(heard.app)
    assert request_code(heard, person, channel=channel).status_code == 200
    assert verify(heard, person, code_on_phone(sinch, person)).status == 200
    assert sinch.wait_for_callbacks()
    assert row_of(heard.app, person).state == "verified"


@pytest.mark.parametrize(("channel", "lengths"), [("sms", {6}), ("callout", {6}), ("whatsapp", {4})])
@pytest.mark.parametrize("settings", [{"OTP_SUPPLY_CODE": "true"}, {"SECURITY_PROFILE": "strict"}])
def test_our_own_codes_have_six_digits(
    listen: Listen, sinch: Simulator, channel: str, lengths: set[int], settings: dict[str, str]
) -> None:
    api = listen(SINCH_VERIFICATION_METHOD=channel, **settings)
    codes = []
    for _ in range(3):
        person = make_person(api.app)
        challenge = log_in(api, person)["challengeToken"]
        codes.append(code_on_phone(sinch, person))
        body = {"challengeToken": challenge, "otpCode": codes[-1]}
        assert api.post("/auth/verify-otp", body).status_code == 200
    assert {len(code) for code in codes} == lengths
    assert len(set(codes)) > 1


def test_without_the_setting_codes_are_sinchs_own(heard: Api, sinch: Simulator) -> None:
    person = make_person(heard.app)
    request_code(heard, person)
    assert len(code_on_phone(sinch, person)) == 4


def test_a_flash_call_keeps_the_number_it_comes_from(listen: Listen, sinch: Simulator) -> None:
    api = listen(OTP_SUPPLY_CODE="true")
    person = make_person(api.app)
    assert request_code(api, person, channel="flashcall").status_code == 200
    assert code_on_phone(sinch, person).startswith("+18156")


def test_a_start_that_is_not_ours_is_denied(heard: Api, sinch: Simulator) -> None:
    from otp_service.sinch import get_client
    from otp_service.sinch.errors import Denied

    with heard.app.app_context(), pytest.raises(Denied):
        get_client().start("+14155550000", Channel.SMS, reference=str(uuid.uuid4()))
    assert sinch.inbox("+14155550000") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"identity": {"type": "number", "endpoint": "+14155550001"}},
        {"identity": None},
        {"method": "callout"},
        {"method": "seamless"},
        {"reference": str(uuid.uuid4())},
        {"reference": None},
        {},  # sent already: nothing is reserved any more
    ],
)
def test_a_question_about_something_else_than_was_reserved_is_denied(
    api: Api, sinch: Simulator, changes: dict[str, Any]
) -> None:
    person = make_person(api.app)
    request_code(api, person)
    event = event_about(api, sinch, person, event="VerificationRequestEvent", **changes)
    assert tell(api, event).json == {"action": "deny"}


def test_when_sinch_hears_no_answer_nothing_is_sent_and_nothing_spent(heard: Api, sinch: Simulator) -> None:
    person = make_person(heard.app)
    sinch.set_fault("callback_lost", "start", times=1)
    assert request_code(heard, person).status_code in {422, 502}
    assert sinch.inbox(person.phone_number) == []
    assert request_code(heard, person).status_code == 200


def test_a_question_that_comes_twice_is_answered_once_and_one_message_leaves(heard: Api, sinch: Simulator) -> None:
    person = make_person(heard.app)
    sinch.set_fault("callback_twice", "start", times=2)
    assert request_code(heard, person).status_code == 200
    assert len(sinch.inbox(person.phone_number)) == 1
    assert verify(heard, person, code_on_phone(sinch, person)).status == 200


def test_a_receipt_is_noted(heard: Api, sinch: Simulator) -> None:
    person = make_person(heard.app)
    request_code(heard, person)
    assert sinch.wait_for_callbacks()
    assert row_of(heard.app, person).delivered == "yes"


def test_news_of_a_code_that_grew_old_closes_it(heard: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(heard.app)
    request_code(heard, person, channel="flashcall")
    time.advance(76)
    assert sinch.wait_for_callbacks()
    assert row_of(heard.app, person).state == "expired"
    assert verify(heard, person, code_on_phone(sinch, person)).status == 401


def test_a_price_that_no_event_told_is_asked_for(heard: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(heard.app)
    request_code(heard, person, channel="flashcall")
    time.advance(76)
    assert sinch.wait_for_callbacks()
    with heard.app.app_context():
        assert sweeping.sweep().priced == 1


def test_when_the_news_is_lost_the_sweep_asks(heard: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(heard.app)
    request_code(heard, person)
    assert sinch.wait_for_callbacks()
    sinch.set_fault("callback_lost", "report")
    time.advance(301)
    assert sinch.wait_for_callbacks()
    assert row_of(heard.app, person).state == "sent"
    with heard.app.app_context():
        assert (swept := sweeping.sweep()).closed == swept.priced == 1
    assert row_of(heard.app, person).state == "expired"


def test_after_a_second_start_the_late_code_is_refused_and_the_new_one_works(
    heard: Api, sinch: Simulator, time: Time
) -> None:
    person = make_person(heard.app)
    request_code(heard, person)
    late = code_on_phone(sinch, person)
    time.advance(120)
    assert request_code(heard, person, channel="callout").status_code == 200
    assert sinch.wait_for_callbacks()
    new = code_on_phone(sinch, person)
    assert [verify(heard, person, code).status for code in (late, new)] == [401, 200]


def test_an_event_of_success_verifies_nobody(api: Api, sinch: Simulator) -> None:
    person = make_person(api.app)
    request_code(api, person)
    assert tell(api, event_about(api, sinch, person, status="SUCCESSFUL")).status_code == 200
    assert row_of(api.app, person).state == "sent"
    code = code_on_phone(sinch, person)
    assert verify(api, person, wrong_code(code)).status == 401
    assert verify(api, person, code).status == 200


def test_a_code_whose_answer_was_lost_still_works_after_the_event(heard: Api, sinch: Simulator) -> None:
    person = make_person(heard.app)
    request_code(heard, person)
    code = code_on_phone(sinch, person)
    sinch.set_fault("reset", "report", phase="after", times=1)
    sinch.set_fault("status", "status", status_code=500)
    assert verify(heard, person, code).status == 503
    assert sinch.wait_for_callbacks()
    sinch.clear_faults()
    assert verify(heard, person, wrong_code(code)).status == 401
    assert verify(heard, person, code).status == 200


@pytest.mark.parametrize("status", ["FAIL", "DENIED", "ABORTED", "ERROR", "PENDING"])
def test_no_news_takes_back_what_was_verified(api: Api, sinch: Simulator, status: str) -> None:
    person = make_person(api.app)
    request_code(api, person)
    assert verify(api, person, code_on_phone(sinch, person)).status == 200
    tell(api, event_about(api, sinch, person, status=status, reason="Expired"))
    assert row_of(api.app, person).state == "verified"


@pytest.mark.parametrize(
    ("status", "state", "next_request"),
    [("FAIL", "expired", 429), ("ABORTED", "superseded", 429), ("DENIED", "failed", 200), ("ERROR", "failed", 200)],
)
def test_news_of_an_end_closes_the_code_and_what_brought_nothing_makes_nobody_wait(
    api: Api, sinch: Simulator, status: str, state: str, next_request: int
) -> None:
    person = make_person(api.app)
    request_code(api, person)
    assert tell(api, event_about(api, sinch, person, status=status)).status_code == 200
    assert row_of(api.app, person).state == state
    assert verify(api, person, code_on_phone(sinch, person)).status == 401
    assert request_code(api, person).status_code == next_request


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "0190f7c2-1d2e-7a3b-8c4d-5e6f70819203"},
        {"method": "callout"},
        {"identity": {"type": "number", "endpoint": "+14155550001"}},
        {"reference": str(uuid.uuid4())},
    ],
)
def test_news_that_does_not_fit_changes_nothing(api: Api, sinch: Simulator, changes: dict[str, Any]) -> None:
    person = make_person(api.app)
    request_code(api, person)
    response = tell(api, event_about(api, sinch, person, status="FAIL", **changes))
    assert (response.status_code, response.data) == (200, b"")
    assert row_of(api.app, person).state == "sent"


def failed_receipt(api: Api, sinch: Simulator, person: Person) -> dict[str, Any]:
    return event_about(api, sinch, person, event="VerificationSmsDeliveredEvent", smsResult="Failed")


def test_after_a_failed_receipt_another_way_may_be_asked_for_at_once(api: Api, sinch: Simulator) -> None:
    person = make_person(api.app)
    request_code(api, person)
    assert tell(api, failed_receipt(api, sinch, person)).status_code == 200
    assert row_of(api.app, person).delivered == "no"
    assert request_code(api, person, channel="callout").status_code == 200
    assert verify(api, person, code_on_phone(sinch, person)).status == 200


def test_a_code_arrived_all_the_same_works(api: Api, sinch: Simulator) -> None:
    person = make_person(api.app)
    request_code(api, person)
    tell(api, failed_receipt(api, sinch, person))
    assert verify(api, person, code_on_phone(sinch, person)).status == 200


def test_a_second_failed_receipt_opens_no_second_cooldown(api: Api, sinch: Simulator, time: Time) -> None:
    person = make_person(api.app)
    request_code(api, person)
    event = failed_receipt(api, sinch, person)
    tell(api, event)
    assert request_code(api, person).status_code == 200
    time.advance(1)
    tell(api, event)
    assert request_code(api, person).status_code == 429


def test_a_price_in_an_event_is_noted_once(api: Api, sinch: Simulator) -> None:
    person = make_person(api.app)
    request_code(api, person)
    for amount in (0.0453, 9.0):
        price = {"currencyId": "EUR", "amount": amount}
        tell(api, event_about(api, sinch, person, status="FAIL", reason="Expired", price=price))
    row = row_of(api.app, person)
    assert (str(row.price_amount), row.price_currency) == ("0.0453", "EUR")


def test_an_event_signs_nobody_in(heard: Api, sinch: Simulator) -> None:
    person = make_person(heard.app)
    log_in(heard, person)
    assert sinch.wait_for_callbacks()
    tell(heard, event_about(heard, sinch, person, status="SUCCESSFUL"))
    assert heard.get("/sessions").status_code == 401
    with heard.app.app_context():
        from otp_service.sessions.models import Session

        assert fetch_all(select(Session.id).where(Session.user_id == person.id)) == []


def test_an_sms_that_fails_becomes_a_call_with_a_code_of_ours(listen: Listen, sinch: Simulator) -> None:
    api = listen(OTP_FALLBACK_CHANNELS="callout", OTP_SUPPLY_CODE="true")
    person = make_person(api.app)
    sinch.set_fault("status", "start", status_code=422, times=1)
    assert sign_in(api, sinch, person)["tokenType"] == "Bearer"
    [message] = sinch.inbox(person.phone_number)
    assert (message["channel"], len(message["code"])) == ("callout", 6)
