"""POST /verifications/{id}/check: 200 for the right code, once, and for nothing else."""

import threading
from datetime import datetime
from typing import Any

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.backends.verifications.shops import Shop, code_at
from tests.conftest import Time
from tests.environments import give_sinch, sinch_client_of
from tests.factories import new_number, wrong_code
from tests.parallel import at_once, race
from tests.verifications.crashes import Crash, MortalClient, Point
from tests.waiting import wait_until


def verdict(shop: Shop, verification_id: str, code: str) -> tuple[int, str]:
    """Status and code of the response to a check, with the status of the verification where it has ended."""
    answer = shop.check(verification_id, code)
    return answer.status_code, answer.json.get("verificationStatus", answer.json.get("code", "approved"))


def test_the_right_code_approves_once(shop: Shop, sinch: Simulator) -> None:
    number = new_number()
    told = shop.started(number, reference="o-7")
    code = code_at(sinch, number)

    answer = shop.check(told["id"], code)

    assert answer.status_code == 200
    assert {**answer.json, "approvedAt": ""} == {
        "id": told["id"], "status": "approved", "phoneNumber": number, "reference": "o-7", "approvedAt": "",
    }  # fmt: skip
    assert datetime.fromisoformat(answer.json["approvedAt"]).tzinfo is not None
    assert shop.get(f"/verifications/{told['id']}").json["approvedAt"] == answer.json["approvedAt"]
    again = shop.check(told["id"], code)
    assert (again.status_code, again.json["code"], again.json["verificationStatus"]) == (
        410, "verification_ended", "approved",
    )  # fmt: skip
    assert again.json["status"] == "error"


def test_a_wrong_code_says_how_many_are_left_and_the_fifth_is_the_last(shop: Shop, sinch: Simulator) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]
    code = code_at(sinch, number)

    answers = [shop.check(verification_id, wrong_code(code, number)) for number in range(1, 6)]

    assert [(one.status_code, one.json["code"], one.json["attemptsLeft"]) for one in answers] == [
        (422, "otp_invalid", left) for left in (4, 3, 2, 1, 0)
    ]
    late = shop.check(verification_id, code)
    assert (late.status_code, late.json["code"]) == (429, "too_many_attempts")
    assert late.json["retryAfter"] >= 1
    assert shop.status_of(verification_id) == "failed"


def test_attempts_count_over_all_messages_of_a_verification(shop: Shop, sinch: Simulator, time: Time) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]
    for tried in range(3):
        shop.check(verification_id, wrong_code(code_at(sinch, number), tried + 1))
    time.advance(120)
    assert shop.resend(verification_id).json["attemptsLeft"] == 2
    code = code_at(sinch, number)

    answers = [verdict(shop, verification_id, wrong_code(code, tried)) for tried in (1, 2)]

    assert answers == [(422, "otp_invalid")] * 2
    assert verdict(shop, verification_id, code) == (429, "too_many_attempts")
    assert shop.status_of(verification_id) == "failed"
    assert shop.resend(verification_id).json["verificationStatus"] == "failed"


@pytest.mark.parametrize("code", ["", None, True, 1234, [], "12", "1234567", "１２３４", "12a4"])
def test_what_cannot_be_a_code_is_not_counted(shop: Shop, sinch: Simulator, code: Any) -> None:
    verification_id = shop.started()["id"]

    answer = shop.check(verification_id, code)

    assert (answer.status_code, answer.json["errors"][0]["field"]) == (400, "code")
    assert sinch.count("report") == 0
    assert shop.get(f"/verifications/{verification_id}").json["attemptsLeft"] == 5


def test_another_apps_verification_does_not_exist(app: Flask, shop: Shop, sinch: Simulator) -> None:
    number, other = new_number(), Shop(app)
    verification_id = shop.started(number)["id"]

    answer = other.check(verification_id, code_at(sinch, number))

    assert (answer.status_code, answer.json["code"]) == (404, "verification_not_found")
    assert [other.get(f"/verifications/{verification_id}").status_code, other.end(verification_id)] == [404, 404]
    assert other.resend(verification_id).status_code == 404
    assert shop.check(verification_id, code_at(sinch, number)).status_code == 200


def test_a_code_works_for_its_own_verification_alone(app: Flask, shop: Shop, sinch: Simulator, time: Time) -> None:
    number = new_number()
    mine = shop.started(number)
    time.advance(120)
    others = Shop(app).started(number)
    code = code_at(sinch, number)

    assert verdict(shop, mine["id"], code) != (200, "approved")

    assert others["id"] != mine["id"]


def test_a_flash_call_is_checked_with_the_number_that_rang(shop: Shop, sinch: Simulator) -> None:
    number = new_number()
    verification_id = shop.started(number, channel="flashcall")["id"]

    assert shop.check(verification_id, code_at(sinch, number)).status_code == 200


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_code_whose_verdict_was_lost_may_be_tried_again_and_is_granted_once(
    shop: Shop, sinch: Simulator, phase: str
) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]
    code = code_at(sinch, number)
    sinch.set_fault("reset", "report", phase=phase, times=1)
    sinch.set_fault("reset", "status")

    assert verdict(shop, verification_id, code) == (503, "provider_unavailable")

    sinch.clear_faults()
    assert shop.get(f"/verifications/{verification_id}").json["status"] == "pending"
    assert [verdict(shop, verification_id, code) for _ in range(2)] == [(200, "approved"), (410, "approved")]


def test_an_outage_of_the_provider_uses_no_attempt_up(shop: Shop, sinch: Simulator) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]
    sinch.set_fault("status", "report", status_code=429)
    sinch.set_fault("reset", "status")

    assert [shop.check(verification_id, code_at(sinch, number)).status_code for _ in range(6)] == [503] * 6

    sinch.clear_faults()
    assert shop.get(f"/verifications/{verification_id}").json["attemptsLeft"] == 5
    assert shop.check(verification_id, code_at(sinch, number)).status_code == 200


def test_a_code_that_was_compared_with_none_is_not_called_wrong(shop: Shop, sinch: Simulator) -> None:
    """The provider does not know the message yet, which may still be on its way."""
    sinch.set_fault("reset", "start", phase="before", times=1)
    shop.start()
    [told] = shop.get("/verifications").json["verifications"]

    answers = [shop.check(told["id"], f"{1000 + tried}") for tried in range(6)]

    assert {(one.status_code, one.json["code"]) for one in answers} == {(503, "code_not_compared")}
    assert answers[0].json["retryAfter"] >= 1
    assert shop.get(f"/verifications/{told['id']}").json["attemptsLeft"] == 5


@pytest.mark.parametrize("point", [Point.AFTER_CALL, Point.BEFORE_CALL])
def test_a_right_code_works_after_a_crash(shop: Shop, sinch: Simulator, point: Point) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]
    client = sinch_client_of(shop.api.app)
    mortal = MortalClient(client._settings, client._caller._before_call)
    give_sinch(shop.api.app, mortal)
    mortal.dies_at = point

    with pytest.raises(Crash):
        shop.check(verification_id, code_at(sinch, number))

    give_sinch(shop.api.app, client)
    assert shop.check(verification_id, code_at(sinch, number)).status_code == 200


@race
def test_of_50_parallel_right_codes_one_is_approved(
    app: Flask, shop: Shop, sinch: Simulator, round_number: int
) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]
    code = code_at(sinch, number)

    answers = at_once(50, lambda _: shop.check(verification_id, code).status_code)

    assert answers.count(200) == 1
    assert set(answers) <= {200, 410, 422}
    assert shop.status_of(verification_id) == "approved"


@race
def test_of_20_parallel_wrong_codes_five_are_looked_at(shop: Shop, sinch: Simulator, round_number: int) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]
    code = code_at(sinch, number)
    sinch.clear_calls()

    answers = at_once(20, lambda tried: shop.check(verification_id, wrong_code(code, tried + 1)).status_code)

    assert sorted(answers) == [422] * 5 + [429] * 15
    assert sinch.count("report") == 5


def test_guesses_on_the_older_message_while_a_newer_one_is_on_its_way_count_too(
    shop: Shop, sinch: Simulator, time: Time
) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]
    first = code_at(sinch, number)
    time.advance(120)
    sinch.clear_calls()
    sinch.set_fault("stall", "start", seconds=60, times=1, phase="before")
    thread = threading.Thread(target=shop.resend, args=(verification_id,))
    thread.start()
    wait_until(lambda: sinch.count("start") == 1)
    for tried in range(3):
        assert shop.check(verification_id, wrong_code(first, tried + 1)).status_code == 422
    sinch.clear_faults()
    thread.join()
    newest = code_at(sinch, number)

    answers = [verdict(shop, verification_id, wrong_code(newest, tried))[0] for tried in range(1, 4)]

    assert answers == [422, 422, 429]
    assert verdict(shop, verification_id, newest)[0] == 429
    assert shop.status_of(verification_id) == "failed"
