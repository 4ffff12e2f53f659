"""`Idempotency-Key`: a request that is repeated is done once, whatever happened to the first one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, select, update

from otp_service.backends.models import App
from otp_service.backends.verifications import repeats
from otp_service.backends.verifications.errors import RequestInProgress
from otp_service.backends.verifications.models import AppRequest, AppVerification
from otp_service.backends.verifications.repeats import Claim, Wanted
from otp_service.core import clock
from otp_service.core.allowances import Counter
from otp_service.core.database.transactions import execute, fetch_all, transaction
from otp_service.simulator import Simulator
from otp_service.verifications.models import Verification
from tests.api import Answer
from tests.backends.verifications.shops import Shop, code_at
from tests.conftest import Time
from tests.environments import give_sinch, sinch_client_of
from tests.factories import new_number, wrong_code
from tests.parallel import at_once, race
from tests.verifications.crashes import Crash, MortalClient, Point
from tests.waiting import wait_until


def response(answer: Answer) -> tuple[int, bytes, str | None]:
    return answer.status_code, answer.data, answer.headers.get("Content-Type")


@pytest.fixture
def mortal(app: Flask) -> Iterator[MortalClient]:
    """A client that may die."""
    client = sinch_client_of(app)
    mortal = MortalClient(client._settings, client._caller._before_call)
    give_sinch(app, mortal)
    yield mortal
    give_sinch(app, client)


def test_the_same_key_and_request_give_the_same_response_and_no_second_message(shop: Shop, sinch: Simulator) -> None:
    number = new_number()
    first = shop.start(number, repeat_as="k", reference="r")

    again = shop.post(
        "/verifications",
        {"reference": "r", "phoneNumber": f"{number[:5]} {number[5:]}", "channel": None},
        headers={"Idempotency-Key": "k"},
    )

    assert response(again) == response(first)
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert again.headers["Cache-Control"] == "no-store"
    assert len(sinch.inbox(number)) == 1


def test_the_same_key_with_another_request_is_a_conflict(shop: Shop, sinch: Simulator) -> None:
    number = new_number()
    verification_id = shop.started(number, repeat_as="k")["id"]

    answers = [
        shop.start(number, repeat_as="k", reference="other"),
        shop.start(repeat_as="k"),
        shop.check(verification_id, "0000", repeat_as="k"),
        shop.resend(verification_id, repeat_as="k"),
    ]

    assert [(one.status_code, one.json["code"]) for one in answers] == [(409, "idempotency_key_reused")] * 4
    assert shop.get(f"/verifications/{verification_id}").json["attemptsLeft"] == 5


def test_a_key_belongs_to_its_app_and_to_a_day(app: Flask, shop: Shop, sinch: Simulator, time: Time) -> None:
    number = new_number()
    mine = shop.started(number, repeat_as="k")["id"]

    time.advance(120)
    others = Shop(app).started(number, repeat_as="k")["id"]
    time.advance(86_400 - 121)
    within = shop.started(number, repeat_as="k")["id"]
    time.advance(1)
    after = shop.started(number, repeat_as="k")["id"]

    assert mine == within
    assert len({mine, others, after}) == 3


@pytest.mark.parametrize("key", ["", "k" * 65, "a b", "ü", "k\tk"])
def test_a_malformed_key_is_rejected_and_nothing_is_sent(shop: Shop, sinch: Simulator, key: str) -> None:
    answer = shop.start(repeat_as=key)

    assert (answer.status_code, answer.json["errors"][0]["field"]) == (400, "Idempotency-Key")
    assert sinch.count("start") == 0


def test_a_malformed_request_does_not_use_a_key_up(shop: Shop) -> None:
    assert shop.start(repeat_as="k", channel="fax").status_code == 400

    assert shop.start(repeat_as="k").status_code == 201


def test_the_response_is_stored_encrypted_and_deleted_after_a_day(app: Flask, shop: Shop, time: Time) -> None:
    number = new_number()
    shop.started(number, repeat_as="k")

    with app.app_context():
        [row] = fetch_all(select(*AppRequest.__table__.columns))
        early = repeats.forget(clock.now() - repeats.KEPT_FOR)
        time.advance(86_401)
        late = repeats.forget(clock.now() - repeats.KEPT_FOR)

    assert number not in str(tuple(row))
    assert (early, late) == (0, 1)


@race
def test_of_50_parallel_identical_requests_one_message_leaves_and_all_get_its_response(
    shop: Shop, sinch: Simulator, round_number: int
) -> None:
    number = new_number()

    answers = at_once(50, lambda _: response(shop.start(number, repeat_as="k", reference="r")))

    assert {answer[0] for answer in answers} == {201}
    assert len(set(answers)) == 1
    assert len(sinch.inbox(number)) == 1


def test_a_wrong_code_is_counted_once_for_a_key(shop: Shop, sinch: Simulator) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]
    wrong = wrong_code(code_at(sinch, number))

    answers = [shop.check(verification_id, wrong, repeat_as="k") for _ in range(3)]

    assert len({response(answer) for answer in answers}) == 1
    assert answers[0].json["attemptsLeft"] == 4
    assert shop.get(f"/verifications/{verification_id}").json["attemptsLeft"] == 4


def test_an_approval_is_given_again_for_its_key_alone(shop: Shop, sinch: Simulator) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]
    code = code_at(sinch, number)

    first, again = (shop.check(verification_id, code, repeat_as="k") for _ in range(2))

    assert (first.status_code, response(again)) == (200, response(first))
    assert shop.check(verification_id, code, repeat_as="other").status_code == 410
    assert shop.check(verification_id, code).status_code == 410


def test_an_approval_whose_response_was_never_stored_is_given_again(
    app: Flask, shop: Shop, sinch: Simulator, time: Time
) -> None:
    """The process died between the approval and the response."""
    number = new_number()
    verification_id = shop.started(number)["id"]
    code = code_at(sinch, number)
    assert shop.check(verification_id, code, repeat_as="k").status_code == 200
    lose_the_response(app)
    time.advance(3)

    again = shop.check(verification_id, code, repeat_as="k")

    assert (again.status_code, again.json["status"]) == (200, "approved")


def test_an_approval_by_a_parallel_request_of_the_same_key_is_given_again(
    app: Flask, shop: Shop, sinch: Simulator, time: Time
) -> None:
    """The one that approved died before it stored its response, while the other waited for the provider."""
    number = new_number()
    verification_id = shop.started(number)["id"]
    code = code_at(sinch, number)
    sinch.clear_calls()
    sinch.set_fault("stall", "report", seconds=60, times=1, phase="before")
    with ThreadPoolExecutor(1) as thread:
        slow = thread.submit(shop.check, verification_id, code, repeat_as="k")
        wait_until(lambda: sinch.count("report") == 1)
        time.advance(3)
        assert shop.check(verification_id, code, repeat_as="k").status_code == 200
        lose_the_response(app)
        sinch.clear_faults()

    assert (slow.result().status_code, slow.result().json.get("status")) == (200, "approved")
    assert shop.check(verification_id, code, repeat_as="k").status_code == 200
    assert shop.check(verification_id, code).status_code == 410


def lose_the_response(app: Flask) -> None:
    with app.app_context(), transaction():
        execute(update(AppRequest).values(status=None, response=None, media_type=None))


def test_one_resend_is_one_message(shop: Shop, sinch: Simulator, time: Time) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]
    early = shop.resend(verification_id, repeat_as="k")
    time.advance(120)

    first, again = (shop.resend(verification_id, repeat_as="k") for _ in range(2))

    assert (early.status_code, first.status_code, response(again)) == (429, 200, response(first))
    assert len(sinch.inbox(number)) == 2


@pytest.mark.parametrize(
    ("fault", "status"),
    [({"kind": "status", "status_code": 500}, 503), ({"kind": "status", "status_code": 402}, 502)],
)
def test_a_response_that_says_try_again_is_not_kept(
    shop: Shop, sinch: Simulator, fault: dict[str, Any], status: int
) -> None:
    number = new_number()
    sinch.set_fault(operation="start", phase="before", times=1, **fault)
    assert shop.start(number, repeat_as="k").status_code == status

    assert shop.start(number, repeat_as="k").status_code == 201

    assert len(sinch.inbox(number)) == 1


def test_the_cooldown_is_not_kept_for_a_day(shop: Shop, sinch: Simulator, time: Time) -> None:
    number = new_number()
    shop.started(number)
    assert shop.start(number, repeat_as="k").status_code == 429
    time.advance(120)

    assert shop.start(number, repeat_as="k").status_code == 201


def test_a_number_that_is_rejected_stays_so_for_its_key(shop: Shop) -> None:
    first, again = (shop.start("+18005550199", repeat_as="k") for _ in range(2))

    assert (first.status_code, response(again)) == (422, response(first))


def test_a_start_that_may_have_left_sends_no_second_message_for_its_key(
    shop: Shop, sinch: Simulator, time: Time
) -> None:
    number = new_number()
    sinch.set_fault("reset", "start", phase="before", times=1)
    assert shop.start(number, repeat_as="k").status_code == 503

    unknown = shop.start(number, repeat_as="k")
    time.advance(11)
    known = shop.start(number, repeat_as="k")

    assert (unknown.status_code, unknown.json["code"]) == (503, "provider_unavailable")
    assert unknown.json["retryAfter"] <= 10
    assert known.status_code == 201
    assert len(sinch.inbox(number)) == 1
    assert shop.check(known.json["id"], code_at(sinch, number)).status_code == 200


def test_a_message_whose_start_got_no_response_is_found_by_the_next_request(shop: Shop, sinch: Simulator) -> None:
    number = new_number()
    sinch.set_fault("reset", "start", phase="after", times=1)
    sinch.set_fault("reset", "status", times=2)  # a status is asked for twice
    assert shop.start(number, repeat_as="k").status_code == 503
    sinch.clear_faults()

    again = shop.start(number, repeat_as="k")

    assert (again.status_code, again.json["status"]) == (201, "pending")
    assert len(sinch.inbox(number)) == 1
    assert shop.check(again.json["id"], code_at(sinch, number)).status_code == 200


def lose_the_response_of_a_send(sinch: Simulator) -> None:
    """The message arrives, and the provider does not say so, now or later."""
    sinch.set_fault("reset", "start", phase="after", times=1)
    sinch.set_fault("reset", "status")


def test_a_start_sends_no_second_message_while_the_provider_does_not_say_what_became_of_it(
    shop: Shop, sinch: Simulator, time: Time
) -> None:
    number = new_number()
    lose_the_response_of_a_send(sinch)

    while_away = []
    for _ in range(3):
        while_away.append(shop.start(number, repeat_as="k").status_code)
        time.advance(6)
    sinch.clear_faults()
    found = shop.start(number, repeat_as="k")

    assert (while_away, found.status_code) == ([503] * 3, 201)
    assert len(sinch.inbox(number)) == 1
    assert shop.check(found.json["id"], code_at(sinch, number)).status_code == 200


def test_a_resend_sends_no_second_message_while_the_provider_does_not_say_what_became_of_it(
    shop: Shop, sinch: Simulator, time: Time
) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]
    time.advance(120)
    lose_the_response_of_a_send(sinch)

    while_away = []
    for _ in range(3):
        while_away.append(shop.resend(verification_id, repeat_as="k").status_code)
        time.advance(6)
    sinch.clear_faults()
    found = shop.resend(verification_id, repeat_as="k")

    assert (while_away, found.status_code) == ([503] * 3, 200)
    assert len(sinch.inbox(number)) == 2
    assert shop.check(verification_id, code_at(sinch, number)).status_code == 200


@pytest.mark.parametrize(("point", "seconds"), [(Point.AFTER_CALL, 3), (Point.BEFORE_CALL, 11)])
def test_after_a_crash_the_same_request_sends_no_second_message(
    shop: Shop, sinch: Simulator, time: Time, mortal: MortalClient, point: Point, seconds: int
) -> None:
    number = new_number()
    mortal.dies_at = point
    with pytest.raises(Crash):
        shop.start(number, repeat_as="k")
    time.advance(seconds)

    again = shop.start(number, repeat_as="k")

    assert again.status_code == 201
    assert len(sinch.inbox(number)) == 1
    assert shop.check(again.json["id"], code_at(sinch, number)).status_code == 200


@pytest.mark.parametrize("point", [Point.AFTER_CALL, Point.BEFORE_CALL])
def test_after_a_crash_the_same_resend_sends_no_second_message(
    shop: Shop, sinch: Simulator, time: Time, mortal: MortalClient, point: Point
) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]
    time.advance(120)
    mortal.dies_at = point
    with pytest.raises(Crash):
        shop.resend(verification_id, repeat_as="k")
    time.advance(11)

    assert shop.resend(verification_id, repeat_as="k").status_code == 200

    assert len(sinch.inbox(number)) == 2
    assert shop.check(verification_id, code_at(sinch, number)).status_code == 200


@pytest.mark.parametrize("point", [Point.AFTER_CALL, Point.BEFORE_CALL])
def test_after_a_crash_the_same_check_is_approved(
    shop: Shop, sinch: Simulator, time: Time, mortal: MortalClient, point: Point
) -> None:
    number = new_number()
    verification_id = shop.started(number)["id"]
    code = code_at(sinch, number)
    mortal.dies_at = point
    with pytest.raises(Crash):
        shop.check(verification_id, code, repeat_as="k")
    time.advance(3)

    first, again = (shop.check(verification_id, code, repeat_as="k") for _ in range(2))

    assert (first.status_code, response(again)) == (200, response(first))


def test_a_crash_before_anything_was_done_leaves_the_key_for_the_next_request(
    app: Flask, shop: Shop, sinch: Simulator, time: Time
) -> None:
    number = new_number()
    shop.started(number, repeat_as="k")
    undo_all_but_the_claim(app, sinch)
    time.advance(3)

    answer = shop.start(number, repeat_as="k")

    assert answer.status_code == 201
    assert len(sinch.inbox(number)) == 1


def undo_all_but_the_claim(app: Flask, sinch: Simulator) -> None:
    lose_the_response(app)
    with app.app_context(), transaction():
        for table in (AppVerification, Verification, Counter):
            execute(delete(table))
    sinch.clear_inbox()


def test_who_waits_too_long_is_told_to_repeat_the_request(app: Flask, shop: Shop) -> None:
    with app.app_context():
        [app_id] = [row.id for row in fetch_all(select(App.id))]
        wanted = Wanted(app_id, "k", "a request", None)
        held = repeats.claim(wanted)

        with pytest.raises(RequestInProgress) as waited:
            repeats.claim(wanted, wait_seconds=0.0)
        assert isinstance(held, Claim)
        repeats.put_back(held)

        assert waited.value.retry_after_seconds >= 1
        assert repeats.claim(wanted) == Claim(held.id, is_repeated=True)
