"""One code sent twice, while the provider is in trouble, at the last try, or by two names of one person."""

import threading

import pytest
from flask import Flask

from otp_service.audit import COMMAND_LINE
from otp_service.core import clock
from otp_service.factors.phone import codes
from otp_service.factors.phone.codes import PhoneProof
from otp_service.simulator import Simulator
from otp_service.verifications import Purpose
from otp_service.verifications.errors import OtpInvalid
from tests.api import Api
from tests.codes import new_code, verify
from tests.conftest import MakeApp
from tests.factories import Person, code_on_phone, log_in, make_person, wrong_code
from tests.parallel import ROUNDS, at_once, race
from tests.waiting import wait_until


def prove(app: Flask, person: Person, code: str) -> PhoneProof | None:
    with app.app_context():
        purpose = Purpose.PHONE_VERIFICATION
        try:
            return codes.prove(person.id, code=code, purpose=purpose, client=COMMAND_LINE)
        except OtpInvalid:
            return None


def test_a_wrong_code_is_never_granted_for_a_right_one_whose_verdict_got_lost(
    app: Flask, api: Api, sinch: Simulator
) -> None:
    """Of two clicks one is held, the other accepted unheard, so the held one is refused; a wrong one comes next."""
    person = make_person(app)
    right = new_code(api, sinch, person)
    sinch.set_fault("stall", "report", seconds=60, times=1, phase="before")
    held: list[int] = []
    thread = threading.Thread(target=lambda: held.append(verify(api, person, right).status))
    thread.start()
    wait_until(lambda: sinch.count("report") == 1)
    assert unheard(api, sinch, person, right) == 503
    thread.join()
    assert held == [401]
    wrong = wrong_code(right)
    assert unheard(api, sinch, person, wrong) == 503
    assert [verify(api, person, wrong).status for _ in range(3)] == [401] * 3


def unheard(api: Api, sinch: Simulator, person: Person, code: str) -> int:
    """Try a code whose verdict gets lost, and which nobody can ask for; afterwards all is well again."""
    sinch.set_fault("reset", "report", times=1, phase="after")
    sinch.set_fault("reset", "status")
    status = verify(api, person, code).status
    sinch.clear_faults()
    return status


def test_a_right_code_that_is_clicked_twice_as_the_fifth_try_is_not_killed_by_its_twin(
    app: Flask, api: Api, sinch: Simulator
) -> None:
    """The first click is held on its way, the second accepted; the first is then refused as used."""
    person = make_person(app)
    right = new_code(api, sinch, person)
    assert [verify(api, person, wrong_code(right, number)).status for number in range(1, 5)] == [401] * 4
    sinch.set_fault("stall", "report", seconds=60, times=1, phase="before")
    first: list[PhoneProof | None] = []
    thread = threading.Thread(target=lambda: first.append(prove(app, person, right)))
    thread.start()
    wait_until(lambda: sinch.count("report") == 5)
    second = prove(app, person, right)
    sinch.clear_faults()
    thread.join()
    assert [second is not None, winners(app, [second, *first])] == [True, 1]
    assert verify(api, person, right).status == 401


def winners(app: Flask, proofs: list[PhoneProof | None]) -> int:
    """How many of the proofs can be redeemed."""
    won = 0
    with app.app_context():
        for proof in filter(None, proofs):
            try:
                proof.redeem(client=COMMAND_LINE, now=clock.now())
            except OtpInvalid:
                continue
            won += 1
    return won


@race
def test_of_two_right_fifth_tries_at_once_one_wins(app: Flask, api: Api, sinch: Simulator, round_number: int) -> None:
    person = make_person(app)
    right = new_code(api, sinch, person)
    for number in range(1, 5):
        verify(api, person, wrong_code(right, number))
    statuses = at_once(2, lambda _: verify(api, person, right).status)
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 401, 429}


@pytest.mark.race
def test_one_code_by_a_challenge_and_by_an_address_at_once_has_one_winner_and_no_deadlock(
    make_app: MakeApp, sinch: Simulator
) -> None:
    api = Api(app := make_app(OTP_COOLDOWN="0"))
    for _ in range(ROUNDS):
        person = make_person(app)
        named = [{"challengeToken": log_in(api, person)["challengeToken"]}, {"email": person.email}]
        code = code_on_phone(sinch, person)
        bodies = [{**name, "otpCode": code} for name in named * 2]
        statuses = at_once(4, lambda number: api.post("/auth/verify-otp", bodies[number]).status_code)
        assert sorted(statuses) == [200] + [401] * 3


@pytest.mark.parametrize(
    "limits", [{"OTP_SENDS_PER_NUMBER_HOUR": "2"}, {"OTP_SENDS_PER_ADDRESS_HOUR": "2", "RATE_LIMITS_ENABLED": "true"}]
)
def test_a_send_whose_answer_got_lost_makes_nobody_wait_but_counts(
    make_app: MakeApp, sinch: Simulator, limits: dict[str, str]
) -> None:
    api = Api(app := make_app(**limits))
    body = {"email": make_person(app).email}
    sinch.set_fault("reset", "any", phase="after")
    answers = [api.post("/auth/request-otp", body).json["code"] for _ in range(3)]
    assert answers == ["provider_unavailable"] * 2 + ["otp_send_limit"]
