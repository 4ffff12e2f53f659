"""What backends may send to a number and try on it, together and next to the people who have accounts."""

from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Api
from tests.backends.verifications.shops import Shop, code_at
from tests.codes import new_code, request_code, verify
from tests.conftest import MakeApp, Time
from tests.factories import log_in, make_person, new_number, sign_in, wrong_code
from tests.gateways import gateway_of
from tests.parallel import at_once
from tests.strangers import stranger

FEW = {"OTP_SENDS_PER_NUMBER_HOUR": "5", "OTP_SENDS_PER_NUMBER_DAY": "10", "OTP_COOLDOWN": "0"}


def test_the_limits_of_a_number_are_shared_with_peoples_codes(make_app: MakeApp, time: Time) -> None:
    app = make_app(OTP_SENDS_PER_NUMBER_HOUR="3", OTP_COOLDOWN="0")
    person, api, shop = make_person(app), Api(app), Shop(app)
    assert request_code(api, person).status_code == 200
    for _ in range(2):
        shop.started(person.phone_number)

    full = shop.start(person.phone_number)

    assert (full.status_code, full.json["code"]) == (429, "otp_send_limit")


def use_up_the_day(shop: Shop, phone_number: str, time: Time) -> None:
    """Send as many codes to a number as a day allows."""
    for _ in range(2):
        time.advance(3_600)
        sent = [shop.start(phone_number).status_code for _ in range(6)]
        assert sent == [201] * 5 + [429]


def test_the_right_password_gets_two_codes_whatever_backends_sent(make_app: MakeApp, time: Time) -> None:
    app = make_app(**FEW)
    person, api, shop = make_person(app, is_verified=True), Api(app), Shop(app)
    use_up_the_day(shop, person.phone_number, time)

    sent = [log_in(api, person).get("otpErrorCode", "sent") for _ in range(3)]

    assert sent == ["sent"] * 2 + ["otp_send_limit"]


def test_who_has_only_the_password_does_not_use_up_what_a_known_client_keeps(
    make_app: MakeApp, sinch: Simulator, time: Time
) -> None:
    app = make_app(**FEW)
    person, api, shop = make_person(app, is_verified=True), Api(app), Shop(app)
    known = {**person.credentials, "deviceToken": sign_in(api, sinch, person)["knownDeviceToken"]}
    time.advance(86_400)
    use_up_the_day(shop, person.phone_number, time)

    thief = stranger(app, 1)
    assert [log_in(thief, person).get("otpErrorCode") for _ in range(3)] == [None, None, "otp_send_limit"]
    answer = api.post("/auth/login", known)
    assert (answer.status_code, answer.json.get("otpErrorCode")) == (200, None)


def test_wrong_codes_count_for_a_number_over_all_backends_until_one_is_right(
    make_app: MakeApp, sinch: Simulator, time: Time
) -> None:
    app = make_app(OTP_COOLDOWN="0", OTP_CHECKS_PER_HOUR="7")
    first, second, number = Shop(app), Shop(app), new_number()
    verification_id = first.started(number)["id"]
    code = code_at(sinch, number)
    for tried in range(5):
        assert first.check(verification_id, wrong_code(code, tried + 1)).status_code == 422
    other_id = second.started(number)["id"]
    code = code_at(sinch, number)
    for tried in range(2):
        assert second.check(other_id, wrong_code(code, tried + 1)).status_code == 422
    reported = sinch.count("report")

    refused = second.check(other_id, code)

    assert (refused.status_code, refused.json["code"], sinch.count("report")) == (429, "too_many_attempts", reported)
    assert 3_500 < refused.json["retryAfter"] <= 3_600
    assert second.get(f"/verifications/{other_id}").json["attemptsLeft"] == 3
    assert second.check(second.started()["id"], "0000").status_code == 422  # another number
    time.advance(3_600)
    for tried in range(4):
        other_id = second.started(number)["id"]
        code = code_at(sinch, number)
        for more in range(4):
            assert second.check(other_id, wrong_code(code, more + 1)).status_code == 422, tried
        assert second.check(other_id, code).status_code == 200


def test_a_code_that_the_provider_never_looked_at_does_not_count_for_the_number(
    make_app: MakeApp, sinch: Simulator
) -> None:
    shop, number = Shop(make_app(OTP_CHECKS_PER_HOUR="1")), new_number()
    verification_id = shop.started(number)["id"]
    sinch.set_fault("status", "report", status_code=429, times=2)

    assert [shop.check(verification_id, code_at(sinch, number)).status_code for _ in range(3)] == [503, 503, 200]


def test_of_parallel_backends_one_sends_a_number_a_code(app: Flask, sinch: Simulator) -> None:
    shops, number = [Shop(app) for _ in range(6)], new_number()

    statuses = at_once(6, lambda index: shops[index].start(number).status_code)

    assert sorted(statuses) == [201] + [429] * 5
    assert len(sinch.inbox(number)) == 1


def test_a_backend_ends_no_code_that_a_person_has_just_got(app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
    person, shop = make_person(app, is_verified=True), Shop(app)
    time.advance(100)
    shop.started(person.phone_number)
    time.advance(100)
    code = new_code(api, sinch, person)  # a person does not wait for what a backend sent

    time.advance(119)
    refused = shop.start(person.phone_number)

    assert (refused.status_code, refused.json["code"], refused.json["retryAfter"]) == (429, "otp_cooldown", 1)
    assert verify(api, person, code).status == 200
    time.advance(1)
    shop.started(person.phone_number)


def test_a_send_that_failed_makes_no_backend_wait(app: Flask, api: Api, sinch: Simulator) -> None:
    person, shop, other = make_person(app, is_verified=True), Shop(app), Shop(app)
    sinch.set_fault("status", "start", status_code=402, times=2)

    assert request_code(api, person).status_code == 502
    assert shop.start(person.phone_number).status_code == 502

    other.started(person.phone_number)


def test_a_code_that_is_compared_with_several_messages_is_one_try(make_app: MakeApp, sinch: Simulator) -> None:
    shop, number = Shop(make_app(**gateway_of(sinch), OTP_CHECKS_PER_HOUR="5")), new_number()
    sinch.set_fault("reset", "gateway", phase="after", times=3)
    assert [shop.start(number).status_code for _ in range(3)] == [503] * 3
    newest = shop.get("/verifications").json["verifications"][0]["id"]
    sent = [message["code"] for message in sinch.inbox(number)]
    wrong = [code for code in ("000001", "000002", "000003", "000004", "000005") if code not in sent][:2]

    left = [shop.check(newest, code).json["attemptsLeft"] for code in wrong]

    assert left == [4, 3]
    assert shop.check(newest, sent[-1]).status_code == 200
