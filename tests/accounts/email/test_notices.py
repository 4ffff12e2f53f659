"""What people are told of their accounts, in the transaction of the act."""

from typing import Any

import pytest
from flask import Flask

from otp_service.anomalies.rules import network_of_device, program_of
from otp_service.simulator import Simulator
from tests.accounts.email.letters import letters
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import PASSWORD, Person, code_on_phone, make_person

DAY, COOLDOWN = 86_400, 121
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
EDGE = f"{CHROME} Edg/142.0.0.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19.0 Mobile/15E Safari/604.1"


class Device:
    """Signs one person in again and again, from where it is told to be."""

    def __init__(self, api: Api, sinch: Simulator, person: Person, time: Time) -> None:
        self.api, self.sinch, self.person, self.time = api, sinch, person, time

    def sign_in(self, agent: str = FIREFOX.format(140), ip: str = "203.0.113.7") -> str:
        """The access token; enough time passes for another code."""
        self.time.advance(COOLDOWN)
        options: dict[str, Any] = {"headers": {"User-Agent": agent}, "environ_overrides": {"REMOTE_ADDR": ip}}
        challenge = self.api.post("/auth/login", self.person.credentials, **options).json["challengeToken"]
        body = {"challengeToken": challenge, "otpCode": code_on_phone(self.sinch, self.person)}
        response = self.api.post("/auth/verify-otp", body, **options)
        assert response.status_code == 200, response.json
        return str(response.json["token"])

    def told(self) -> list[dict[str, Any]]:
        """The notices of new sign-ins."""
        return letters(self.api, self.person.email, "new_sign_in")


@pytest.fixture
def device(app: Flask, api: Api, sinch: Simulator, time: Time) -> Device:
    return Device(api, sinch, make_person(app), time)


def test_the_very_first_sign_in_and_a_known_device_are_not_told(device: Device) -> None:
    device.sign_in(FIREFOX.format(140), "203.0.113.7")
    device.sign_in(FIREFOX.format(141), "203.0.113.99")
    assert device.told() == []


@pytest.mark.parametrize(
    ("agent", "ip", "shown"),
    [
        (CHROME, "203.0.113.7", "Device: Chrome on Linux."),
        (FIREFOX.format(140), "198.51.100.7", "Device: Firefox on Linux."),
        ("curl/8.11.0", "203.0.113.7", "Device: an unknown browser."),
        ("Call +1 900 555 0100 (Windows)", "203.0.113.7", "Device: an unknown browser on Windows."),
        ("", "2001:db8::1", "IP address: 2001:db8::1."),
    ],
)
@pytest.mark.one_database
def test_a_sign_in_from_an_unknown_device_is_told_with_address_and_kind_of_program(
    device: Device, agent: str, ip: str, shown: str
) -> None:
    device.sign_in()
    device.sign_in(agent, ip)
    (notice,) = device.told()
    assert ip in notice["text"]
    assert shown in notice["text"]
    device.sign_in(agent, ip)
    assert len(device.told()) == 1, "it is known now"


def test_a_device_whose_session_was_ended_is_known(device: Device) -> None:
    token = device.sign_in()
    device.api.post("/auth/logout", token=token)
    device.sign_in()
    assert device.told() == []


def test_when_its_sessions_are_forgotten_a_device_is_unknown_and_no_first_one(app: Flask, device: Device) -> None:
    device.sign_in()
    device.time.advance(61 * DAY)
    app.test_cli_runner().invoke(args=["retention", "run"])
    device.sign_in()
    assert len(device.told()) == 1


def test_a_sign_in_that_fails_is_not_told(device: Device) -> None:
    device.sign_in()
    device.time.advance(COOLDOWN)
    answer = device.api.post("/auth/login", device.person.credentials, headers={"User-Agent": "curl/8"})
    wrong = {"challengeToken": answer.json["challengeToken"], "otpCode": "000001"}
    assert device.api.post("/auth/verify-otp", wrong, headers={"User-Agent": "curl/8"}).status_code == 401
    assert device.told() == []


def test_a_sign_in_by_password_alone_is_told_as_well(make_app: MakeApp) -> None:
    app = make_app(MFA_POLICY="enrolment")
    api, person = Api(app), make_person(app, is_verified=True)
    for agent in (CHROME, CHROME, EDGE):
        response = api.post("/auth/login", person.credentials, headers={"User-Agent": agent})
        assert response.json["requiresOtp"] is False
    assert len(letters(api, person.email, "new_sign_in")) == 1


@pytest.mark.parametrize(
    ("agent", "family"),
    [
        (FIREFOX.format(140), "Firefox Linux"),
        (CHROME, "Chrome Linux"),
        (EDGE, "Microsoft Edge Linux"),
        (IPHONE, "Safari iPhone"),
        (IPHONE.replace("Version/19.0", "CriOS/142.0"), "Chrome iPhone"),
        ("curl/8.11.0", "curl "),
        ("okhttp/5.1 (Android 16)", "okhttp Android"),
        ("", " "),
    ],
)
def test_versions_do_not_make_a_device_another_one(agent: str, family: str) -> None:
    assert program_of(agent) == family


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("::ffff:203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", ""),
    ],
)
def test_a_network_is_what_a_connection_keeps(ip: str, network: str) -> None:
    assert network_of_device(ip) == network


def fail(api: Api, person: Person, times: int) -> None:
    for _ in range(times):
        api.post("/auth/login", {"email": person.email, "password": "wrong"}, headers={"User-Agent": "a guesser"})


def test_the_first_wait_in_a_row_is_told_once(app: Flask, api: Api, time: Time) -> None:
    person = make_person(app)
    fail(api, person, 4)
    assert letters(api, person.email, "lockout") == []
    fail(api, person, 1)
    (notice,) = letters(api, person.email, "lockout")
    assert "a guesser" not in notice["text"]
    assert "Device: an unknown browser." in notice["text"]
    for _ in range(3):
        time.advance(1_000)
        fail(api, person, 1)
    assert len(letters(api, person.email, "lockout")) == 1


def test_after_a_right_password_another_row_is_told_anew(app: Flask, api: Api, time: Time) -> None:
    person = make_person(app)
    fail(api, person, 5)
    time.advance(31)
    assert api.post("/auth/login", person.credentials).status_code == 200
    fail(api, person, 5)
    assert len(letters(api, person.email, "lockout")) == 2


def test_of_an_address_that_nobody_has_nobody_is_told(app: Flask, api: Api) -> None:
    fail(api, Person(0, "nobody@example.com", ""), 6)
    assert api.get("//mail.json").json["messages"] == []


def test_a_password_that_a_link_set_is_told(app: Flask, api: Api) -> None:
    person = make_person(app)
    link = app.test_cli_runner().invoke(args=["users", "set-password-link", person.email, "--json"]).output
    body = {"token": link.partition('"token": "')[2].partition('"')[0], "newPassword": f"Another-{PASSWORD}"}
    assert api.post("/auth/set-password", body).status_code == 204
    assert [letter["template"] for letter in letters(api, person.email)] == ["password_changed"]
