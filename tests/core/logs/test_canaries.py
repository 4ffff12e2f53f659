"""Whole flows through a real server with values that must stay private: they are in no log line and in no column."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyotp
import pytest
from flask import Flask
from sqlalchemy import select

from otp_service.backends.app_keys import Key, Scope
from otp_service.extensions import db
from otp_service.simulator import Simulator
from otp_service.simulator.settings import DEMO_SECRET
from tests.backends.callers import make_key
from tests.conftest import MakeApp
from tests.core.web.gunicorn import Gunicorn
from tests.factories import new_details, wrong_code

pytestmark = pytest.mark.one_database

PASSWORD, WRONG, WEAK = "Canary-Password-71", "Canary-Wrong-72", "canary-weak-73"
CANARY = "Canary-Anywhere-74"
JWT_SECRET = "Canary-jwt-75-1tQz8xWk3vNp6sYb9cRf2mHg"
KEY = base64.b64encode(bytes(range(7, 39))).decode()
FAULTS = ("status", "garbage", "half_body", "reset", "redirect", "denied", "stall")


@pytest.fixture(params=["json", "text"])
def server(
    request: pytest.FixtureRequest, app: Flask, sinch: Simulator, database_url: str, tmp_path: Path
) -> Iterator[Gunicorn]:
    """The service on the tests' database, saying all that it can say."""
    settings = {
        "DATABASE_URL": database_url,
        "SINCH_BASE_URL": sinch.base_url,
        "SINCH_VERIFICATION_METHOD": "callout",  # codes of six digits: four may stand anywhere by chance
        "SINCH_TIMEOUT_MS": "300",
        "PASSWORD_SALT_ROUNDS": "10",
        "OTP_COOLDOWN": "0",
        "RATE_LIMITS_ENABLED": "false",
        "LOG_FORMAT": request.param,
        "JWT_SECRET": JWT_SECRET,
        "ENCRYPTION_KEY": KEY,
        "OTP_SENDS_PER_NUMBER_HOUR": "1000",
        "OTP_SENDS_PER_NUMBER_DAY": "1000",
    }
    with Gunicorn(tmp_path, **settings) as gunicorn:
        yield gunicorn


class Story:
    """Somebody uses the service, and gathers all that only that person should know."""

    def __init__(self, server: Gunicorn, sinch: Simulator) -> None:
        self.server, self.sinch = server, sinch
        self.details = new_details(password=PASSWORD)
        self.number: str = self.details["phoneNumber"]
        self.who = {"email": self.details["email"]}
        self.private = {PASSWORD, WRONG, WEAK, CANARY, JWT_SECRET, KEY, DEMO_SECRET}
        self.codes: set[str] = set()
        self.provider_ids: set[str] = set()

    def call(self, path: str, body: Any = None, **options: Any) -> dict[str, Any]:
        """Call, and remember every token in the answer."""
        answer = self.server.call(path, body, **options)
        found = answer.json if answer.body else {}
        tokens = {str(found[name]) for name in ("token", "refreshToken", "challengeToken") if found.get(name)}
        self.private |= tokens | {part for token in tokens for part in token.split(".") if len(part) > 40}
        return found

    def code(self) -> str:
        """The newest code on the phone."""
        message = self.sinch.inbox(self.number)[0]
        self.codes.add(message["code"])
        self.provider_ids.add(message["verificationId"])
        return str(message["code"])

    def register_and_sign_in(self) -> dict[str, Any]:
        """With every mistake that one can make."""
        self.call("/auth/register", {**self.details, "password": WEAK})
        self.call("/auth/register", self.details)
        self.call("/auth/register", self.details)
        self.call("/auth/login", {**self.who, "password": WRONG})
        challenge = self.call("/auth/login", {**self.who, "password": PASSWORD})["challengeToken"]
        self.codes.add(wrong_code(self.code()))
        self.call("/auth/verify-otp", {"challengeToken": challenge, "otpCode": wrong_code(self.code())})
        self.call("/auth/verify-otp", {"phoneNumber": self.number, "otpCode": f"{self.code()}x"})
        return self.call("/auth/verify-otp", {"challengeToken": challenge, "otpCode": self.code()})

    def prove_addresses(self, token: str) -> None:
        """The first one, and one to change to."""
        new = new_details()["email"]
        self.call("/auth/verify-email/resend", {}, token=token)
        self.call("/account/email", {"email": new}, token=token)
        for address in (self.who["email"], new):
            link = str(self.letters(address)[0]["link"]).partition("#token=")[2]
            self.private.add(link)
            self.call("/auth/verify-email", {"token": link, "password": WRONG})
            self.call("/auth/verify-email", {"token": link, "password": PASSWORD})
            self.call("/auth/verify-email", {"token": link})
        self.who = {"email": new}

    def letters(self, to: str) -> list[dict[str, Any]]:
        """The mail to an address, the newest first."""
        head = f"GET /mail.json?to={to} HTTP/1.1\r\nContent-Length: 0\r\n"
        return list(self.server.send(head.encode()).json["messages"])

    def add_factors(self, token: str) -> dict[str, Any]:
        """An authenticator app and backup codes, with a mistake each; then sign in with one of them."""
        secret = self.call("/factors/totp", {}, token=token)["secret"]
        code = pyotp.TOTP(secret).now()
        self.private |= {secret, base64.b32decode(secret).hex()}
        self.codes |= {code, wrong_code(code)}
        self.call("/factors/totp/confirm", {"code": wrong_code(code)}, token=token)
        spare = self.call("/factors/totp/confirm", {"code": code}, token=token)["backupCodes"]
        self.private |= {text for each in spare for text in (each, each[5:], each.replace("-", "")[4:])}
        challenge = self.call("/auth/login", {**self.who, "password": PASSWORD})["challengeToken"]
        self.call("/auth/mfa/totp", {"challengeToken": challenge, "code": code})
        return self.call("/auth/mfa/backup-code", {"challengeToken": challenge, "code": spare[0]})

    def refreshed(self, tokens: dict[str, Any]) -> dict[str, Any]:
        """Those after a change, which gave the session a new id."""
        return self.call("/auth/refresh", {"refreshToken": tokens["refreshToken"]})

    def use_tokens(self, tokens: dict[str, Any]) -> None:
        """Right ones, spent ones, cut ones."""
        self.call("/profile", token=tokens["token"])
        newer = self.call("/auth/refresh", {"refreshToken": tokens["refreshToken"]})
        self.call("/auth/refresh", {"refreshToken": tokens["refreshToken"]})
        self.call("/auth/refresh", {"refreshToken": newer["refreshToken"], "password": CANARY})
        self.call("/profile", token=newer["token"][:-3])
        self.call("/auth/logout", {}, token=newer["token"])
        self.call("/profile", token=newer["token"])

    def use_cookies(self, tokens: dict[str, Any]) -> None:
        """As a browser does: right ones, forged ones, spent ones."""
        moving = {"X-Token-Transport": "cookie"}
        moved = self.server.call("/auth/refresh", {"refreshToken": tokens["refreshToken"]}, **moving)
        csrf = {"X-CSRF-Token": str(moved.json["csrfToken"])}
        self.private |= {value.partition("=")[2] for value in moved.cookies} | {*csrf.values()}
        cookie = {"Cookie": "; ".join(moved.cookies)}
        self.call("/auth/refresh", {}, **cookie, **{"X-CSRF-Token": CANARY})
        self.call("/auth/refresh", {}, **cookie, **csrf)
        self.call("/auth/logout", {}, **cookie, **csrf)
        self.call("/auth/refresh", {}, **cookie, **csrf)

    def use_key(self, key: Key) -> None:
        """As a backend does: in both forms, cut, and in places where it does not belong."""
        as_user_name = base64.b64encode(f"{key.text}:".encode()).decode()
        self.private |= {key.text, key.secret, as_user_name}
        body = {"email": new_details()["email"], "password": PASSWORD}
        made = self.call("/users", body, token=key.text)
        link = self.call(f"/users/{made['id']}/set-password-link", {}, Authorization=f"Basic {as_user_name}")
        self.private.add(link["token"])
        self.call("/users", token=key.text[:-1])
        self.call("/profile", token=key.text)
        self.call(f"/users/{key.text}?key={key.text}", {"key": key.text}, **{"X-Api-Key": key.text})
        self.call("/users", {**body, "passwordHash": key.text, key.text: CANARY}, token=key.text)

    def meet_faults(self) -> None:
        """Of the provider, when a code is asked for and when one is tried."""
        for fault in FAULTS:
            self.sinch.set_fault(fault, "any", seconds=1)
            self.call("/auth/request-otp", {"phoneNumber": self.number})
            self.call("/auth/verify-otp", {"phoneNumber": self.number, "otpCode": self.code()})
            self.sinch.clear_faults()

    def send_nonsense(self) -> None:
        """Secrets in places where they do not belong."""
        self.call(f"/profile?token={CANARY}", **{"X-Api-Key": CANARY, "Cookie": f"a={CANARY}"})
        self.call(f"/{CANARY}/{self.number}", Authorization=f"Basic {CANARY}")
        self.call("/auth/login", {CANARY: CANARY, "email": CANARY, "password": [CANARY]})
        self.call("/auth/verify-otp", {"challengeToken": CANARY, "otpCode": self.code()})
        self.server.send(f"POST /api/v1/auth/login?p={CANARY} HTTP/1.1\r\nContent-Length: 9\r\n".encode(), b'{"p": "C')


@pytest.fixture
def story(server: Gunicorn, sinch: Simulator, make_app: MakeApp) -> Story:
    """All that happens."""
    told = Story(server, sinch)
    tokens = told.register_and_sign_in()
    told.prove_addresses(tokens["token"])
    tokens = told.refreshed(tokens)
    told.use_cookies(told.add_factors(tokens["token"]))
    told.use_tokens(told.refreshed(tokens))
    told.use_key(make_key(make_app(ENCRYPTION_KEY=KEY), *Scope))
    told.call("/auth/request-otp", {"phoneNumber": told.number})
    told.meet_faults()
    told.send_nonsense()
    return told


def is_code_in(code: str, text: str) -> bool:
    """Whether it stands there by itself, not as part of a longer number or identifier."""
    return re.search(rf"(?<![0-9a-f.-]){code}(?![0-9a-f-])", text) is not None


def dump(app: Flask) -> dict[str, list[str]]:
    """Every cell of every table, by column."""
    with app.app_context(), db.engine.connect() as connection:
        return {
            f"{table.name}.{column.name}": [str(row[0]) for row in connection.execute(select(column))]
            for table in db.metadata.sorted_tables
            for column in table.columns
        }


def test_nothing_private_is_in_the_log_or_in_the_database(app: Flask, server: Gunicorn, story: Story) -> None:
    require_silence(story, server.log)
    columns = dump(app)
    for name, cells in columns.items():
        require_discretion(story, name, "\n".join(cells))
    assert story.number in columns["users.phone_number"]
    assert any(cell != "None" for cell in columns["verifications.provider_id"])


def require_silence(story: Story, log: str) -> None:
    """The log tells what happened, in its form, and nothing private."""
    told = set(re.findall(r"[a-z]+\.[a-z_]+", log))
    assert {
        "login.failed",
        "otp.verified",
        "email.verified",
        "email.changed",
        "sinch.call",
        "provider.failed",
        "factor.added",
        "factor.used",
        "factor.refused",
    } <= told
    assert [
        value
        for value in (*story.private, story.number[1:], story.details["email"], story.who["email"])
        if value in log
    ] == []
    assert [code for code in story.codes if is_code_in(code, log)] == []
    lines = log.splitlines()
    for line in lines if lines[0].startswith("{") else ():
        assert {"time", "level", "logger", "event"} <= set(json.loads(line)), line


def require_discretion(story: Story, name: str, cells: str) -> None:
    """A column holds nothing private, and the number only where it must."""
    assert [value for value in (*story.private, *story.provider_ids) if value in cells] == [], name
    assert [code for code in story.codes if is_code_in(code, cells)] == [], name
    assert name in {"users.phone_number", "verifications.phone_number"} or story.number[1:] not in cells, name
