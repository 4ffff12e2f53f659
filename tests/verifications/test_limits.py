"""What callers who only name a person can use up, before and after the phone is proven."""

from flask import Flask

from otp_service.audit import COMMAND_LINE
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.factors import throttle
from otp_service.factors.phone.codes import BY_NAME, KIND
from otp_service.simulator import Simulator
from tests.api import Api
from tests.codes import verify
from tests.conftest import MakeApp, Time
from tests.factories import Person, code_on_phone, log_in, make_person, wrong_code
from tests.strangers import stranger

QUICK = {"OTP_COOLDOWN": "0"}
FREE = {**QUICK, "OTP_CHECKS_PER_HOUR": "1000"}
SENDS = {**QUICK, "OTP_SENDS_PER_NUMBER_HOUR": "5", "OTP_SENDS_PER_NUMBER_DAY": "10"}
IN_A_ROW = 100


def answer(api: Api, path: str, body: dict[str, str]) -> str:
    response = api.post(path, body)
    return str(response.json.get("code", response.status_code))


def wrong_codes(api: Api, sinch: Simulator, person: Person, number: int, challenge: str | None = None) -> list[str]:
    """Try so many wrong codes, asking for a new one after every five."""
    name = {"challengeToken": challenge} if challenge else {"email": person.email}
    answers = []
    for tried in range(number):
        if tried % 5 == 0:
            assert answer(api, "/auth/request-otp", name) == "200"
        wrong = wrong_code(code_on_phone(sinch, person))
        answers.append(answer(api, "/auth/verify-otp", {**name, "otpCode": wrong}))
    return answers


def failed_before(app: Flask, person: Person, number: int, authenticator: str) -> None:
    """So many wrong codes in a row, in times past."""
    with app.app_context(), transaction():
        for _ in range(number):
            throttle.take(person.id, authenticator, client=COMMAND_LINE, now=clock.now(), per_hour=1_000)


def sign_in_answer(api: Api, sinch: Simulator, person: Person, challenge: str | None = None) -> str:
    name = {"challengeToken": challenge or log_in(api, person)["challengeToken"]}
    return answer(api, "/auth/verify-otp", {**name, "otpCode": code_on_phone(sinch, person)})


def test_a_hundred_wrong_codes_in_a_row_disable_the_phone_until_an_operator_unlocks(
    make_app: MakeApp, sinch: Simulator
) -> None:
    app = make_app(**FREE)
    api, person = Api(app), make_person(app, is_verified=True)
    challenge = log_in(api, person)["challengeToken"]
    failed_before(app, person, IN_A_ROW - 10, KIND)
    assert wrong_codes(api, sinch, person, 10, challenge) == ["otp_invalid"] * 10
    refused = log_in(api, person)
    assert (refused["otpErrorCode"], sinch.count("start")) == ("authenticator_disabled", 3)
    named = {"challengeToken": refused["challengeToken"]}
    assert answer(api, "/auth/request-otp", named) == "authenticator_disabled"
    assert app.test_cli_runner().invoke(args=["users", "unlock", person.email]).exit_code == 0
    assert sign_in_answer(api, sinch, person) == "200"


def test_a_code_that_was_sent_before_the_hundredth_try_is_refused_after_it(make_app: MakeApp, sinch: Simulator) -> None:
    api, person = Api(app := make_app(**FREE)), make_person(app)
    failed_before(app, person, IN_A_ROW - 2, KIND)
    assert wrong_codes(api, sinch, person, 2) == ["otp_invalid"] * 2
    right = {"email": person.email, "otpCode": code_on_phone(sinch, person)}
    assert answer(api, "/auth/verify-otp", right) == "authenticator_disabled"


def test_a_right_code_begins_the_row_anew(make_app: MakeApp, sinch: Simulator) -> None:
    api, person = Api(app := make_app(**FREE)), make_person(app)
    failed_before(app, person, IN_A_ROW - 1, KIND)
    log_in(api, person)
    assert sign_in_answer(api, sinch, person) == "200"
    challenge = log_in(api, person)["challengeToken"]
    assert wrong_codes(api, sinch, person, 4, challenge) == ["otp_invalid"] * 4
    assert sign_in_answer(api, sinch, person, challenge) == "200"


def test_while_the_phone_is_unproven_all_fifteen_checks_and_five_sends_are_open(
    make_app: MakeApp, sinch: Simulator
) -> None:
    api, person = Api(app := make_app(**SENDS)), make_person(app)
    assert wrong_codes(api, sinch, person, 15) == ["otp_invalid"] * 15
    assert [answer(api, "/auth/request-otp", {"email": person.email}) for _ in range(3)] == [
        "200", "200", "otp_send_limit",
    ]  # fmt: skip
    right = {"email": person.email, "otpCode": code_on_phone(sinch, person)}
    assert answer(api, "/auth/verify-otp", right) == "too_many_attempts"


def test_before_the_phone_is_verified_strangers_leave_two_sends_an_hour_and_four_a_day_to_the_password(
    make_app: MakeApp, time: Time
) -> None:
    api, person = Api(app := make_app(**SENDS)), make_person(app)
    for number in range(26):
        answer(stranger(app, number), "/auth/request-otp", {"email": person.email})
    sent = [log_in(api, person).get("otpErrorCode", "sent") for _ in range(3)]
    assert sent == ["sent"] * 2 + ["otp_send_limit"]
    for _ in range(2):
        time.advance(3_600)
        for number in range(5):
            answer(stranger(app, number), "/auth/request-otp", {"email": person.email})
    assert [log_in(api, person).get("otpErrorCode", "sent") for _ in range(3)] == ["sent"] * 2 + ["otp_send_limit"]


def test_before_the_phone_is_verified_sign_ins_alone_send_five_codes_an_hour(make_app: MakeApp) -> None:
    api, person = Api(app := make_app(**SENDS)), make_person(app)
    sent = [log_in(api, person).get("otpErrorCode", "sent") for _ in range(7)]
    assert sent == ["sent"] * 5 + ["otp_send_limit"] * 2


def test_before_the_phone_is_verified_a_failed_send_is_given_back(make_app: MakeApp, sinch: Simulator) -> None:
    api, person = Api(app := make_app(**SENDS)), make_person(app)
    sinch.set_fault("status", "start", status_code=402, phase="before", times=3)
    assert [log_in(api, person)["otpErrorCode"] for _ in range(3)] == ["provider_refused"] * 3
    sinch.clear_faults()
    assert [log_in(api, person).get("otpErrorCode", "sent") for _ in range(6)] == ["sent"] * 5 + ["otp_send_limit"]


def test_before_the_phone_is_verified_strangers_leave_checks_to_the_password(
    make_app: MakeApp, sinch: Simulator
) -> None:
    api, person = Api(app := make_app(**QUICK)), make_person(app)
    challenge = log_in(api, person)["challengeToken"]
    right = code_on_phone(sinch, person)
    for number in range(1, 21):
        verify(stranger(app, number), person, wrong_code(right, number))
    assert sign_in_answer(api, sinch, person, challenge) == "200"


def test_strangers_leave_five_checks_an_hour_to_the_holder_of_a_password(make_app: MakeApp, sinch: Simulator) -> None:
    api, person = Api(app := make_app(**QUICK)), make_person(app, is_verified=True)
    assert wrong_codes(api, sinch, person, 12) == ["otp_invalid"] * 10 + ["too_many_attempts"] * 2
    challenge = log_in(api, person)["challengeToken"]
    assert wrong_codes(api, sinch, person, 4, challenge) == ["otp_invalid"] * 4
    assert sign_in_answer(api, sinch, person, challenge) == "200"


def test_holders_and_strangers_share_fifteen_checks_an_hour(make_app: MakeApp, sinch: Simulator) -> None:
    api, person = Api(app := make_app(**QUICK)), make_person(app, is_verified=True)
    challenge = log_in(api, person)["challengeToken"]
    wrong_codes(api, sinch, person, 12, challenge)
    assert answer(api, "/auth/request-otp", {"email": person.email}) == "200"
    right, other = code_on_phone(sinch, person), stranger(app)
    outcomes = [verify(other, person, wrong_code(right, number)).error for number in range(1, 5)]
    assert outcomes == ["otp_invalid"] * 3 + ["too_many_attempts"]


def test_strangers_leave_two_sends_an_hour_and_four_a_day(make_app: MakeApp, time: Time) -> None:
    api, person = Api(app := make_app(**SENDS)), make_person(app, is_verified=True)
    stranger = {"email": person.email}
    for wanted in (["200"] * 3 + ["otp_send_limit"], ["200"] * 3 + ["otp_send_limit"], ["otp_send_limit"] * 4):
        assert [answer(api, "/auth/request-otp", stranger) for _ in range(4)] == wanted
        time.advance(3_600)
    sent = [log_in(api, person).get("otpErrorCode", "sent") for _ in range(5)]
    assert sent == ["sent"] * 4 + ["otp_send_limit"]


def test_a_failed_send_gives_a_stranger_the_part_back(make_app: MakeApp, sinch: Simulator) -> None:
    api, person = Api(app := make_app(**SENDS)), make_person(app, is_verified=True)
    sinch.set_fault("status", "start", status_code=402, phase="before", times=4)
    answers = [answer(api, "/auth/request-otp", {"email": person.email}) for _ in range(7)]
    sinch.clear_faults()
    assert answers[-3:] + answers[:1] == ["200"] * 3 + ["provider_refused"]


def test_a_check_that_the_provider_never_saw_gives_a_stranger_the_part_back(
    make_app: MakeApp, sinch: Simulator
) -> None:
    api, person = Api(app := make_app(**QUICK)), make_person(app, is_verified=True)
    sinch.set_fault("status", "report", status_code=429, phase="before")
    assert set(wrong_codes(api, sinch, person, 14)) == {"provider_unavailable"}
    sinch.clear_faults()
    assert wrong_codes(api, sinch, person, 11) == ["otp_invalid"] * 10 + ["too_many_attempts"]


def reported(api: Api, sinch: Simulator, person: Person) -> int:
    """Ask for a code by name and try four wrong ones; how many reached the provider."""
    assert answer(api, "/auth/request-otp", {"email": person.email}) == "200"
    right, already = code_on_phone(sinch, person), sinch.count("report")
    for number in range(1, 5):
        assert verify(api, person, wrong_code(right, number)).error in {"otp_invalid", "too_many_attempts"}
    return sinch.count("report") - already


def test_after_a_hundred_wrong_codes_in_a_row_callers_by_name_have_one_try_on_each_code(
    make_app: MakeApp, sinch: Simulator
) -> None:
    api, person = Api(app := make_app(**FREE)), make_person(app, is_verified=True)
    failed_before(app, person, IN_A_ROW - 4, BY_NAME)
    assert reported(api, sinch, person) == 4
    assert [reported(api, sinch, person) for _ in range(2)] == [1, 1]
    challenge = log_in(api, person)["challengeToken"]
    assert wrong_codes(api, sinch, person, 4, challenge) == ["otp_invalid"] * 4
    assert sign_in_answer(api, sinch, person, challenge) == "200"


def test_a_right_code_ends_what_a_hundred_wrong_ones_began(make_app: MakeApp, sinch: Simulator) -> None:
    api, person = Api(app := make_app(**FREE)), make_person(app, is_verified=True)
    failed_before(app, person, IN_A_ROW, BY_NAME)
    assert answer(api, "/auth/request-otp", {"email": person.email}) == "200"
    assert verify(api, person, code_on_phone(sinch, person)) == (200, "")
    assert reported(api, sinch, person) == 4


def test_a_code_asked_for_before_the_phone_was_proven_is_given_back_as_it_was_taken(
    app: Flask, make_app: MakeApp, sinch: Simulator, time: Time
) -> None:
    """The send died; it is settled after the phone was proven: nothing is taken off the strangers' part."""
    from otp_service.accounts import numbers
    from otp_service.verifications import sweeping

    api, person = Api(make_app(**SENDS)), make_person(app)
    sinch.set_fault("reset", "any", phase="before", times=2)
    assert answer(api, "/auth/request-otp", {"email": person.email}) == "provider_unavailable"
    sinch.clear_faults()
    with app.app_context():
        numbers.verify_by_operator(person.id)
        assert [answer(api, "/auth/request-otp", {"email": person.email}) for _ in range(3)] == ["200"] * 3
        time.advance(11)
        sweeping.sweep()
    assert answer(api, "/auth/request-otp", {"email": person.email}) == "otp_send_limit"
