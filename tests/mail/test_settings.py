"""The settings of the mail server and the sender."""

from pathlib import Path

import pytest

from otp_service.mail.settings import MailSettings, SmtpServer
from tests.environments import PRODUCTION, load, refuse

SERVERLESS = {name: text for name, text in PRODUCTION.items() if name not in {"SMTP_URL", "MAIL_FROM"}}
SENDER = {"MAIL_FROM": "no-reply@example.com"}


@pytest.mark.parametrize(
    ("settings", "server"),
    [
        ({"SMTP_URL": "smtp://h"}, SmtpServer(host="h", port=587)),
        ({"SMTP_URL": "smtps://u:p%40@h"}, SmtpServer(host="h", port=465, user="u", password="p@", tls="tls")),
        ({"SMTP_URL": "smtp://h:1025?tls=none"}, SmtpServer(host="h", port=1025, tls="none")),
        ({"SMTP_HOST": "h"}, SmtpServer(host="h", port=587)),
        ({"SMTP_HOST": "h", "SMTP_TLS": "TLS"}, SmtpServer(host="h", port=465, tls="tls")),
        (
            {"SMTP_HOST": "h", "SMTP_PORT": "26", "SMTP_USER": "u", "SMTP_PASSWORD": "p", "SMTP_TLS": "none"},
            SmtpServer(host="h", port=26, user="u", password="p", tls="none"),
        ),
    ],
)
def test_a_server_is_named_by_its_address_or_by_its_parts(
    tmp_path: Path, settings: dict[str, str], server: SmtpServer
) -> None:
    assert load(tmp_path, **settings).of(MailSettings).server == server


def test_without_a_server_there_is_none(tmp_path: Path) -> None:
    assert load(tmp_path).of(MailSettings).server is None


def test_the_sender_names_the_service(tmp_path: Path) -> None:
    found = load(tmp_path, MAIL_FROM='"Example, Inc." <no-reply@example.com>')
    assert found.of(MailSettings).sender.addr_spec == "no-reply@example.com"
    assert found.server.service_name == "Example, Inc."


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"SERVICE_NAME": "Acme ID", "MAIL_FROM": "Example <a@example.com>"}, "Acme ID"),
        ({"SERVICE_NAME": " "}, "OTP Service"),
        ({"PUBLIC_URL": "https://id.example.com/otp", **SENDER}, "id.example.com"),
        ({"FRONTEND_URL": "https://app.example.com", **SENDER}, "app.example.com"),
        ({"FRONTEND_URL": "http://localhost:3000", **SENDER}, "example.com"),
        ({"MAIL_FROM": "no-reply@localhost"}, "OTP Service"),
        ({}, "OTP Service"),
    ],
)
def test_the_service_has_a_name_that_people_can_read(tmp_path: Path, settings: dict[str, str], name: str) -> None:
    assert load(tmp_path, **settings).server.service_name == name


def test_a_sender_without_a_name_has_that_of_the_service(tmp_path: Path) -> None:
    found = load(tmp_path, SERVICE_NAME="Acme ID", **SENDER).of(MailSettings)
    assert (found.sender.display_name, found.sender.addr_spec) == ("Acme ID", "no-reply@example.com")


@pytest.mark.parametrize("name", ["x" * 61, "Acme\u202eID", "Acme\nID"])
def test_a_name_that_cannot_be_shown_is_refused(tmp_path: Path, name: str) -> None:
    (line,) = refuse(tmp_path, SERVICE_NAME=name)
    assert line.startswith("SERVICE_NAME: holds")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"SMTP_URL": "http://u:Hidden-9-pw@h"}, "SMTP_URL: is not the address of a mail server"),
        ({"SMTP_URL": "smtp://u:Hidden-9-pw@h:port"}, "SMTP_URL: is not the address of a mail server"),
        ({"SMTP_URL": "smtp://h?tls=maybe"}, "SMTP_URL: holds tls='maybe'"),
        ({"SMTP_URL": "smtp://h", "SMTP_HOST": "h"}, "SMTP_URL: is set together with SMTP_HOST"),
        ({"SMTP_HOST": "h", "SMTP_USER": "u"}, "SMTP_PASSWORD: is not set"),
        ({"SMTP_HOST": "h", "SMTP_PASSWORD": "Hidden-9-pw"}, "SMTP_USER: is not set"),
        ({"SMTP_HOST": "h", "SMTP_TLS": "ssl"}, "SMTP_TLS: holds 'ssl'"),
        ({"SMTP_HOST": "h", "SMTP_CA_FILE": "/nowhere.pem"}, "SMTP_CA_FILE: is not the path of a file"),
        ({"MAIL_FROM": "nobody"}, "MAIL_FROM: is not an e-mail address"),
        ({"MAIL_FROM": "a@b.example\nBcc: c@d.example"}, "MAIL_FROM: is not an e-mail address"),
        ({"MAIL_FROM": "Evil\r\n Bcc: c@d.example <a@b.example>"}, "MAIL_FROM: is not an e-mail address"),
    ],
)
def test_what_cannot_be_used_is_told_without_its_secrets(tmp_path: Path, settings: dict[str, str], told: str) -> None:
    (line,) = refuse(tmp_path, **settings)
    assert line.startswith(told)
    assert "Hidden" not in line


def test_production_warns_without_a_mail_server(tmp_path: Path) -> None:
    (warning,) = load(tmp_path, **SERVERLESS).warnings
    assert warning.startswith("SMTP_URL is not set: no e-mail leaves")


def test_production_needs_a_sender(tmp_path: Path) -> None:
    (line,) = refuse(tmp_path, **SERVERLESS, SMTP_HOST="h")
    assert line.startswith("MAIL_FROM: is not set")


def test_production_sends_no_password_in_clear(tmp_path: Path) -> None:
    login = {"SMTP_USER": "u", "SMTP_PASSWORD": "p", "SMTP_TLS": "none", **SENDER}
    (line,) = refuse(tmp_path, **SERVERLESS, **login, SMTP_HOST="mail.internal")
    assert line.startswith("SMTP_TLS: is none although SMTP_PASSWORD is set")
    assert load(tmp_path, **SERVERLESS, **login, SMTP_HOST="127.0.0.1").of(MailSettings).server is not None
