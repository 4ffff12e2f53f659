"""Every channel, from the request to the proof: what it reaches, what proves it, in which language it speaks."""

from typing import Any

import jwt
import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Api
from tests.codes import new_code, verify
from tests.conftest import MakeApp, Time
from tests.factories import Person, code_on_phone, log_in, make_person, sign_in, wrong_code

pytestmark = pytest.mark.one_database

CHANNELS = ("sms", "callout", "flashcall", "whatsapp")
FIXED_LINE = "+442079460000"


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_came_over_any_channel_proves_the_phone_once(api: Api, sinch: Simulator, channel: str) -> None:
    person = make_person(api.app)
    code = new_code(api, sinch, person, channel=channel)
    assert sinch.inbox(person.phone_number)[0]["channel"] == channel
    assert [verify(api, person, code) for _ in range(2)] == [(200, ""), (401, "otp_invalid")]


@pytest.mark.parametrize(
    ("channel", "word"), [("sms", "sms"), ("whatsapp", "sms"), ("callout", "tel"), ("flashcall", "tel")]
)
def test_the_configured_channel_signs_in_and_the_token_says_how(
    app: Flask, make_app: MakeApp, sinch: Simulator, channel: str, word: str
) -> None:
    api, person = Api(make_app(SINCH_VERIFICATION_METHOD=channel)), make_person(app)
    claims = jwt.decode(sign_in(api, sinch, person)["token"], options={"verify_signature": False})
    assert claims["amr"] == ["pwd", word]
    assert sinch.inbox(person.phone_number)[0]["channel"] == channel


def test_a_login_tells_the_channel_of_its_code(app: Flask, make_app: MakeApp) -> None:
    answer = log_in(Api(make_app(SINCH_VERIFICATION_METHOD="flashCall")), make_person(app))
    assert answer["channel"] == "flashcall"


def test_a_flash_call_is_announced_with_the_time_that_the_provider_gives_it(api: Api) -> None:
    response = api.post("/auth/request-otp", {"email": make_person(api.app).email, "channel": "flashcall"})
    assert response.json["expiresIn"] == 75


@pytest.mark.parametrize(
    "spelling",
    ["{0}", "+1 ({1}) {2}-{3}", "001{1}{2}{3}", "tel:+1-{1}-{2}-{3}", "+1.{1}.{2}.{3}", "+1 {1}/{2} {3}"],
)
def test_every_spelling_of_the_number_that_rang_is_right(api: Api, sinch: Simulator, spelling: str) -> None:
    person = make_person(api.app)
    cli = new_code(api, sinch, person, channel="flashcall")
    assert verify(api, person, spelling.format(cli, cli[2:5], cli[5:8], cli[8:])) == (200, "")


def test_every_spelling_of_a_wrong_number_is_one_guess_at_the_provider(api: Api, sinch: Simulator) -> None:
    person = make_person(api.app)
    new_code(api, sinch, person, channel="flashcall")
    assert [verify(api, person, code)[0] for code in ("+18150000000", "+1 815 000 0000", "0018150000000")] == [401] * 3
    assert sinch.count("report", person.phone_number) == 1


def test_a_national_spelling_counts_where_the_region_is_known(app: Flask, make_app: MakeApp, sinch: Simulator) -> None:
    api, person = Api(make_app(PHONE_DEFAULT_REGION="US")), make_person(app)
    cli = new_code(api, sinch, person, channel="flashcall")
    assert verify(api, person, f"({cli[2:5]}) {cli[5:8]}-{cli[8:]}") == (200, "")


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_proof_of_the_other_shape_is_wrong_counted_and_not_reported(api: Api, sinch: Simulator, channel: str) -> None:
    person = make_person(api.app)
    code = new_code(api, sinch, person, channel=channel)
    others = [f"{number:04}" if channel == "flashcall" else f"+1815600{number:04}" for number in range(5)]
    assert [verify(api, person, other) for other in others] == [(401, "otp_invalid")] * 5
    assert verify(api, person, code) == (429, "too_many_attempts")
    assert sinch.count("report", person.phone_number) == 0


def test_after_a_proof_of_the_other_shape_the_right_one_works(api: Api, sinch: Simulator) -> None:
    person = make_person(api.app)
    cli = new_code(api, sinch, person, channel="flashcall")
    assert verify(api, person, "1234") == (401, "otp_invalid")
    assert verify(api, person, cli) == (200, "")


@pytest.mark.parametrize(
    "code",
    ["", None, True, [], {}, 1234, 1234.0, "123", "1234567", "１２３４", "+１８１５６００１２３４", "+1815",
     "18156001234",
     "+01234567890", " 123", "12-34", "+" + "1" * 16, "+18156001234" + " " * 60, "+1815600\x001234"],
)  # fmt: skip
@pytest.mark.parametrize("channel", ["sms", "flashcall"])
def test_what_is_no_proof_is_400_and_reaches_no_provider(api: Api, sinch: Simulator, channel: str, code: Any) -> None:
    person = make_person(api.app)
    right = new_code(api, sinch, person, channel=channel)
    assert verify(api, person, code)[0] == 400
    assert sinch.count("report") == 0
    assert verify(api, person, right) == (200, "")


@pytest.mark.parametrize(("channel", "status"), [("callout", 200), ("sms", 422), ("flashcall", 422), ("whatsapp", 422)])
def test_a_fixed_line_can_only_be_spoken_to(api: Api, sinch: Simulator, channel: str, status: int) -> None:
    person = make_person(api.app, phone_number=FIXED_LINE)
    response = api.post("/auth/request-otp", {"email": person.email, "channel": channel})
    assert response.status_code == status
    assert sinch.count("start") == (status == 200)


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("number", ["+18005550199", "+19005550100", "+881612345678"])
def test_numbers_that_cost_more_get_nothing_over_any_channel(
    api: Api, sinch: Simulator, channel: str, number: str
) -> None:
    person = make_person(api.app, phone_number=number)
    response = api.post("/auth/request-otp", {"email": person.email, "channel": channel})
    assert (response.status_code, response.json["code"]) == (422, "destination_not_allowed")
    assert sinch.calls == []


def test_asking_for_another_way_within_the_cooldown_waits_whatever_the_channel(api: Api, sinch: Simulator) -> None:
    person = make_person(api.app)
    code = new_code(api, sinch, person, channel="sms")
    for channel in CHANNELS:
        response = api.post("/auth/request-otp", {"email": person.email, "channel": channel})
        assert (response.status_code, response.json["code"]) == (429, "otp_cooldown")
    assert verify(api, person, code) == (200, "")


@pytest.mark.parametrize(("first", "second"), [("sms", "flashcall"), ("flashcall", "callout"), ("sms", "whatsapp")])
def test_after_asking_for_another_way_its_code_works_and_the_late_one_does_not(
    api: Api, sinch: Simulator, time: Time, first: str, second: str
) -> None:
    person = make_person(api.app)
    late = new_code(api, sinch, person, channel=first)
    time.advance(120)
    new = new_code(api, sinch, person, channel=second)
    if late != new:
        assert verify(api, person, late) == (401, "otp_invalid")
    assert verify(api, person, new) == (200, "")


def test_all_channels_share_what_a_number_may_have(app: Flask, make_app: MakeApp) -> None:
    api, person = Api(make_app(OTP_SENDS_PER_NUMBER_HOUR="3", OTP_COOLDOWN="0")), make_person(app)
    bodies = [{"email": person.email, "channel": channel} for channel in CHANNELS]
    assert [api.post("/auth/request-otp", body).status_code for body in bodies] == [200, 200, 200, 429]


def speak(api: Api, sinch: Simulator, person: Person, locale: str, channel: str) -> str:
    tokens = sign_in(api, sinch, person)
    assert api.send("PATCH", "/profile", json={"locale": locale}, token=tokens["token"]).status_code == 200
    new_code(api, sinch, person, channel=channel)
    return str(sinch.inbox(person.phone_number)[0]["text"])


@pytest.mark.parametrize(
    ("channel", "words"),
    [("sms", "Tu código"), ("whatsapp", "Tu código"), ("callout", "Hola. Tu código"), ("flashcall", "Llamada")],
)
def test_codes_come_in_the_persons_language(
    app: Flask, make_app: MakeApp, sinch: Simulator, channel: str, words: str
) -> None:
    api = Api(make_app(OTP_COOLDOWN="0"))
    assert speak(api, sinch, make_person(app), "es-MX", channel).startswith(words)


@pytest.mark.parametrize(("locale", "words"), [("es", "Tu código"), ("de-CH", "Ihr"), ("fr", "Your verification")])
def test_with_a_domain_an_sms_ends_with_the_line_that_browsers_read(
    app: Flask, make_app: MakeApp, sinch: Simulator, locale: str, words: str
) -> None:
    api, person = Api(make_app(OTP_COOLDOWN="0", WEBOTP_DOMAIN="app.example.com")), make_person(app)
    text = speak(api, sinch, person, locale, "sms")
    assert text.startswith(words)
    assert text.splitlines()[-1] == f"@app.example.com #{code_on_phone(sinch, person)}"


def test_an_operators_own_words_are_sent_with_the_line_behind_them(
    app: Flask, make_app: MakeApp, sinch: Simulator
) -> None:
    settings = {"OTP_SMS_TEMPLATE": r"Acme: {{CODE}}\nNobody will ask you for it.", "WEBOTP_DOMAIN": "acme.example"}
    api, person = Api(make_app(**settings)), make_person(app)
    code = new_code(api, sinch, person, channel="sms")
    words = f"Acme: {code}\nNobody will ask you for it.\n\n@acme.example #{code}"
    assert sinch.inbox(person.phone_number)[0]["text"] == words


def test_other_channels_have_no_such_line(app: Flask, make_app: MakeApp, sinch: Simulator) -> None:
    api, person = Api(make_app(WEBOTP_DOMAIN="app.example.com")), make_person(app)
    new_code(api, sinch, person, channel="callout")
    assert "@" not in sinch.inbox(person.phone_number)[0]["text"]


def test_five_wrong_numbers_kill_a_flash_call(api: Api, sinch: Simulator) -> None:
    person = make_person(api.app)
    cli = new_code(api, sinch, person, channel="flashcall")
    wrong = [f"+1{wrong_code(cli[2:], number)}" for number in range(1, 6)]
    assert [verify(api, person, number)[0] for number in wrong] == [401] * 5
    assert verify(api, person, cli) == (429, "too_many_attempts")
