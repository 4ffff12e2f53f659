"""Starting a verification: what is answered, what the phone receives, what is refused."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from otp_service.simulator import Simulator
from tests.simulator.caller import PATH, PHONE, Caller, assert_refused, start_body
from tests.simulator.conftest import MakePlace


def test_an_sms_start_answers_the_documented_fields_and_no_status(sim: Simulator, caller: Caller) -> None:
    answer = caller.start(reference="r-1")
    document = answer.json()
    href = f"{sim.base_url}{PATH}/id/{document['id']}"
    assert document == {
        "id": document["id"],
        "method": "sms",
        "sms": {
            "template": "Your verification code is {{CODE}}.",
            "interceptionTimeout": 298,
            "codeType": "Numeric",
        },
        "_links": [
            {"rel": "status", "href": href, "method": "GET"},
            {"rel": "report", "href": href, "method": "PUT"},
        ],
    }
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert (answer.headers["Content-Language"], answer.headers["Expires"]) == ("en-US", "-1")


def test_an_sms_start_puts_the_code_into_the_phones_inbox(sim: Simulator, caller: Caller) -> None:
    identifier = caller.started(reference="r-1")
    message = sim.inbox(PHONE)[0]
    assert re.fullmatch(r"\d{4}", message["code"])
    assert message["text"] == f"Your verification code is {message['code']}."
    assert (message["to"], message["channel"], message["cli"]) == (PHONE, "sms", None)
    assert (message["verificationId"], message["reference"]) == (identifier, "r-1")


def test_a_callout_start_speaks_six_digits_and_answers_no_details(sim: Simulator, caller: Caller) -> None:
    document = caller.start("callout").json()
    assert set(document) == {"id", "method", "_links"}
    message = sim.inbox(PHONE)[0]
    assert re.fullmatch(r"\d{6}", message["code"])
    assert " ".join(message["code"]) in message["text"]


def test_a_flashcall_start_names_a_filter_that_fits_the_calling_number(sim: Simulator, caller: Caller) -> None:
    document = caller.start("flashCall").json()
    assert document["method"] == "flashcall"
    details = document["flashCall"]
    assert (details["interceptionTimeout"], details["reportTimeout"], details["denyCallAfter"]) == (45, 75, 0)
    message = sim.inbox(PHONE)[0]
    assert message["code"] is None
    assert re.fullmatch(details["cliFilter"], message["cli"])


def test_a_whatsapp_start_sends_four_digits(sim: Simulator, caller: Caller) -> None:
    document = caller.start("whatsapp").json()
    assert document["whatsapp"] == {"codeType": "Numeric"}
    assert re.fullmatch(r"\d{4}", sim.inbox(PHONE)[0]["code"])


def test_a_seamless_start_names_an_address_and_sends_nothing(sim: Simulator, caller: Caller) -> None:
    document = caller.start("seamless").json()
    assert document["seamless"]["targetUri"].startswith(sim.base_url)
    assert sim.inbox() == []


@pytest.mark.parametrize("method", ["SMS", "FlashCall", "flashCall", "Callout", "WhatsApp", "SEAMLESS"])
def test_a_method_may_come_in_any_case_and_is_answered_in_lower_case(caller: Caller, method: Any) -> None:
    assert caller.start(method).json()["method"] == method.lower()


def test_ids_are_uuids_that_begin_with_the_milliseconds_of_the_start(still: Any) -> None:
    sim, caller = still()
    identifier = caller.started()
    milliseconds = uuid.UUID(identifier).int >> 80
    assert identifier == identifier.lower()
    assert milliseconds == int(sim.calls[0].at.timestamp() * 1000)


def test_unknown_and_stray_fields_are_let_pass(caller: Caller) -> None:
    stray: dict[str, Any] = {"expiry": "nonsense", "template": "no code", "code_type": "x", "metadata": {"os": "a"}}
    answer = caller.start(honourEarlyReject=True, smsOptions={"applicationHash": "x", "new": 1}, **stray)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("language", "begin", "chosen"),
    [
        ("es-ES", "Tu código", "es-ES"),
        ("de", "Dein Best", "de-DE"),
        ("fr-CA;q=0.9, ja", "Votre code", "fr-FR"),
        ("en;q=0.1, de;q=0.9", "Dein Best", "de-DE"),
        ("ja-JP", "Your ver", "en-US"),
        ("de;q=zero,,;", "Your ver", "en-US"),
    ],
)
def test_accept_language_chooses_the_text(
    sim: Simulator, caller: Caller, language: Any, begin: Any, chosen: Any
) -> None:
    answer = caller.call("POST", PATH, start_body(), Accept_Language=language)
    assert answer.headers["Content-Language"] == chosen
    assert sim.inbox()[0]["text"].startswith(begin)


def test_a_callout_speaks_the_language_of_its_speech_option(sim: Simulator, caller: Caller) -> None:
    caller.started("callout", calloutOptions={"speech": {"locale": "de-DE"}})
    assert sim.inbox()[0]["text"].startswith("Hallo.")


def test_sms_options_choose_template_expiry_type_and_code(sim: Simulator, caller: Caller) -> None:
    options = {"template": "{{CODE}} it is", "expiry": "00:10:00", "codeType": "alphanumeric", "code": "Ab-12"}
    details = caller.start(smsOptions=options).json()["sms"]
    assert details == {"template": "{{CODE}} it is", "interceptionTimeout": 598, "codeType": "Alphanumeric"}
    assert sim.inbox()[0]["text"] == "Ab-12 it is"


@pytest.mark.parametrize(
    ("code_type", "pattern"), [("Numeric", r"\d{4}"), ("Alpha", "[A-Z]{4}"), ("Alphanumeric", "[A-Z0-9]{4}")]
)
def test_a_code_is_of_the_type_that_was_asked_for(sim: Simulator, caller: Caller, code_type: Any, pattern: Any) -> None:
    caller.started(smsOptions={"codeType": code_type})
    assert re.fullmatch(pattern, sim.inbox()[0]["code"])


def test_flashcall_options_choose_the_interception_time(caller: Caller) -> None:
    answer = caller.start("flashcall", flashCallOptions={"dialTimeout": 17, "interceptionTimeout": 23})
    assert answer.json()["flashCall"]["interceptionTimeout"] == 23


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"method": "sms"},
        start_body("pigeon"),
        start_body(number="12025550134"),
        start_body(number="+4813"),
        start_body(number="+1202555013455555"),
        start_body(number="+999123456789"),
        start_body(number="+"),
        {"identity": {"type": "email", "endpoint": PHONE}, "method": "sms"},
        {"identity": {"type": "number", "endpoint": 12025550134}, "method": "sms"},
        {"identity": "x", "method": "sms"},
        start_body(reference=7),
        start_body(custom="c" * 4097),
        start_body(smsOptions={"expiry": "5 minutes"}),
        start_body(smsOptions={"expiry": "00:00:00"}),
        start_body(smsOptions={"codeType": "Emoji"}),
        start_body(smsOptions={"template": "no place for it"}),
        start_body(smsOptions={"code": "much-too-long"}),
        start_body("flashcall", flashCallOptions={"interceptionTimeout": 4}),
        start_body("flashcall", flashCallOptions={"cli": "nobody"}),
        ["a", "list"],
    ],
)
def test_a_bad_parameter_is_refused_with_40001_and_sends_nothing(sim: Simulator, caller: Caller, document: Any) -> None:
    assert_refused(caller.call("POST", PATH, document), 40001)
    assert sim.inbox() == []


def test_a_too_short_number_is_named_in_the_documented_words(caller: Caller) -> None:
    document = assert_refused(caller.start(number="+4813"), 40001)
    assert document["message"] == "Number +4813 is invalid.  Too short."


def test_a_number_in_another_writing_is_read_as_e164(sim: Simulator, caller: Caller) -> None:
    caller.started(number="+1 (202) 555-0134")
    assert sim.inbox()[0]["to"] == PHONE


def test_a_reference_works_only_once(sim: Simulator, caller: Caller) -> None:
    caller.started(reference="r-1")
    document = assert_refused(caller.start(reference="r-1", number="+14155552671"), 40900)
    assert document["message"] == "Reference already defined."
    assert document["reference"] == "r-1"
    assert sim.inbox("+14155552671") == []


def test_a_new_start_aborts_the_numbers_older_verification(caller: Caller) -> None:
    older = caller.started()
    newer = caller.started("callout")
    assert caller.status(older)["status"] == "ABORTED"
    assert caller.status(newer)["status"] == "PENDING"
    assert "reason" not in caller.status(older)


def test_verifications_of_other_numbers_are_left_alone(caller: Caller) -> None:
    first = caller.started()
    caller.started(number="+14155552671")
    assert caller.status(first)["status"] == "PENDING"


def test_a_second_start_within_the_velocity_window_is_refused(still: Any) -> None:
    sim, caller = still(velocity_window_seconds=30, retry_after_on_429=True)
    caller.started()
    answer = caller.start()
    assert_refused(answer, 42901)
    assert answer.headers["Retry-After"] == "30"
    sim.advance(31)
    caller.started()


def test_more_calls_a_second_than_allowed_are_refused_without_retry_after(still: Any) -> None:
    sim, caller = still(rate_limit_per_second=2)
    answers = [caller.start(number=f"+1202555013{digit}") for digit in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "Retry-After" not in answers[2].headers
    sim.advance(1)
    caller.started()


def test_the_oldest_verification_is_forgotten_when_memory_is_full(place: MakePlace) -> None:
    _, caller = place(max_verifications=2)
    oldest = caller.started(reference="r-0")
    for digit in range(2):
        caller.started(number=f"+1415555267{digit}")
    assert_refused(caller.call("GET", f"{PATH}/id/{oldest}"), 40400)
    assert_refused(caller.call("GET", f"{PATH}/reference/r-0"), 40400)
    caller.started(reference="r-0")


def test_a_seed_makes_codes_predictable(place: MakePlace) -> None:
    codes = []
    for _ in range(2):
        sim, caller = place(seed=7)
        caller.started()
        codes.append(sim.inbox()[0]["code"])
    assert codes[0] == codes[1]


def test_code_lengths_are_settings(place: MakePlace) -> None:
    sim, caller = place(sms_code_length=6, callout_code_length=4)
    caller.started()
    caller.started("callout")
    assert [len(message["code"]) for message in sim.inbox()] == [4, 6]


def test_parallel_starts_of_one_reference_deliver_once(sim: Simulator) -> Any:
    def start(_: int) -> int:
        one = Caller(sim.base_url)
        try:
            return one.start(reference="same").status_code
        finally:
            one.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(start, range(8)))
    assert sorted(statuses) == [200] + [409] * 7
    assert len(sim.inbox()) == 1


def test_expiry_still_works_after_many_more_starts_than_memory_holds(place: MakePlace) -> None:
    sim, caller = place(max_verifications=2)
    for _ in range(8):
        identifier = caller.started()
    sim.advance(301)
    assert caller.status(identifier)["reason"] == "Expired"
