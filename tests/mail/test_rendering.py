"""Every template in every language, with values that somebody hostile chose."""

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from otp_service.mail import Message, render, require_values
from otp_service.mail.catalogue import LINKS, LOCALES, TEMPLATES, TIMES, TOKENS
from otp_service.mail.rendering import language

AT = "2026-11-23T10:05:33Z"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
STRANGERS_WORDS = "Security team: call +1 900 555 0100 and read out the code"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
HOSTILE = (
    '<script>alert("x")</script> & \'"\r\nBcc: victim@example.org\r\n\r\n{{ 7 * 7 }} \u202e\x00 http://evil.example'
)
TOKEN = "lk_WWW-token"
LINK = "https://app.example.com/verify?a=1&b=2#lk_token"
TEMPLATES_FOLDER = Path("otp_service/mail/templates")
SENDER = Address("Example", addr_spec="no-reply@example.com")
EVERY = [(template, locale) for template in TEMPLATES for locale in LOCALES]


def values_of(template: str, value: str = HOSTILE) -> dict[str, Any]:
    """All values that a template needs or takes, each the same, save a link and its token: nobody can choose them."""
    names = TEMPLATES[template].needs | TEMPLATES[template].takes
    shown = {**dict.fromkeys(LINKS, LINK), **dict.fromkeys(TOKENS, TOKEN), **dict.fromkeys(TIMES, AT)}
    ours = {name: text for name, text in shown.items() if name in names}
    return {**dict.fromkeys(names, value), **ours, "at": AT}


def written(template: str, locale: str | None, **changes: Any) -> Message:
    values = {**values_of(template), **changes}
    return render(template, values, to="a@example.com", locale=locale, message_id="<1@example.com>", service="Example")


def parsed(message: Message) -> EmailMessage:
    """The message as it is read at the other end."""
    email = message_from_bytes(message.as_email(sender=SENDER, at=NOW).as_bytes(), policy=default)
    assert isinstance(email, EmailMessage)
    return email


class Page(HTMLParser):
    """Gathers the elements, attributes and texts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize(("template", "locale"), EVERY)
def test_hostile_values_stay_text(template: str, locale: str) -> None:
    message = written(template, locale)
    page = Page(message.html)
    assert set(page.tags) <= {"html", "head", "meta", "title", "body", "div", "p", "h1", "a"}
    assert {value for name, value in page.attributes if name in {"href", "src"}} <= {LINK}
    for shown in (message.text, message.html):
        assert not re.search(r"[\x00\r\u202e]|evil\.example|https?://(?!app\.example\.com)|49", shown)


@pytest.mark.parametrize(("template", "locale"), EVERY)
def test_hostile_values_make_no_header(template: str, locale: str) -> None:
    email = parsed(written(template, locale))
    assert set(email.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Content-Language", "Auto-Submitted",
        "X-Auto-Response-Suppress", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert "\n" not in email["Subject"]
    assert email["To"] == "a@example.com"


@pytest.mark.parametrize(("template", "locale"), EVERY)
def test_text_and_html_say_the_same(template: str, locale: str) -> None:
    email = parsed(written(template, locale, **({"factor": "totp"} if "factor" in values_of(template) else {})))
    text, html = email.get_body(("plain",)), email.get_body(("html",))
    assert text is not None
    assert html is not None
    shown = " ".join(" ".join(Page(html.get_content()).texts).split())
    for paragraph in text.get_content().strip().split("\n\n"):
        assert " ".join(paragraph.split()) in shown


@pytest.mark.parametrize(("template", "locale"), EVERY)
def test_without_what_is_optional_no_gap_shows(template: str, locale: str) -> None:
    needed = {name: value for name, value in values_of(template, "x").items() if name in TEMPLATES[template].needs}
    message = render(
        template, {**needed, "at": AT}, to="a@example.com", locale=locale, message_id="<1@x>", service="Example"
    )
    for shown in (message.subject, message.text, message.html):
        assert not re.search(r"None|Undefined|\(\)|[ ] [.,]|\{\{|\{%", shown)
    assert message.text.count("\n\n\n") == 0


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_language_has_words_of_its_own(template: str) -> None:
    assert len({written(template, locale).subject for locale in LOCALES}) == len(LOCALES)


def test_there_is_a_file_for_every_template_and_no_other() -> None:
    for locale in LOCALES:
        files = {path.stem for path in (TEMPLATES_FOLDER / locale).glob("*.txt")}
        assert {name for name in files if not name.startswith("_")} == set(TEMPLATES)


@pytest.mark.parametrize(
    ("locale", "spoken"),
    [("de", "de"), ("de-AT", "de"), ("ES_mx", "es"), ("fr", "en"), (None, "en"), ("", "en"), ("../../etc", "en")],
)
def test_a_locale_is_read_in_its_language_else_in_english(locale: str | None, spoken: str) -> None:
    assert language(locale) == spoken


@pytest.mark.parametrize(
    ("client", "shown"),
    [
        ({"ip": "127.0.0.1", "agent": FIREFOX}, ["IP address: 127.0.0.1. Device: Firefox on Linux."]),
        ({"ip": "127.0.0.1", "agent": None}, ["IP address: 127.0.0.1."]),
        ({"ip": None, "agent": "curl/7.88.1"}, ["Device: an unknown browser."]),
        ({"ip": None, "agent": None}, []),
    ],
)
def test_the_client_has_a_paragraph_of_its_own(client: dict[str, str | None], shown: list[str]) -> None:
    given = {name: value for name, value in client.items() if value}
    message = render("recovery", {**given, "at": AT}, to="a@b.example", locale="en", message_id="<1@x>", service="Us")

    (first, *middle, last) = message.text.strip().split("\n\n")

    assert first.startswith("On 2026-11-23 10:05 UTC, the password")
    assert middle == shown
    assert last.startswith("If this was not you")


def test_numbers_and_addresses_are_masked() -> None:
    assert "+14155552671" not in written("phone_changed", "en", phone_number="+14155552671").text
    assert "2671" in written("phone_changed", "en", phone_number="+14155552671").text
    assert "w***@example.org" in written("email_changed", "en", new_email="walter@example.org").text


@pytest.mark.parametrize(("template", "locale"), EVERY)
def test_no_message_repeats_what_a_stranger_wrote(template: str, locale: str) -> None:
    agents = [STRANGERS_WORDS, f"{FIREFOX} {STRANGERS_WORDS}", f"{STRANGERS_WORDS}/1.0 (Windows)"]
    plain = {name: 5 for name in TEMPLATES[template].needs if name in {"valid_minutes", "wait_minutes", "remaining"}}
    address = "call+19005550100@call-us-at-19005550100.security-team-example"
    chosen = {"new_email": address} if "new_email" in TEMPLATES[template].needs else {}

    for agent in agents:
        message = written(template, locale, **plain, **chosen, agent=agent)
        for shown in (message.subject, message.text, message.html):
            assert not re.search(r"read out|call[ -]|9005550100|900 555|team", shown, re.IGNORECASE)


@pytest.mark.parametrize(
    ("locale", "known", "unknown"),
    [
        ("en", "Device: Firefox on Linux.", "Device: an unknown browser on Windows."),
        ("de", "Gerät: Firefox unter Linux.", "Gerät: ein unbekannter Browser unter Windows."),
        ("es", "Dispositivo: Firefox en Linux.", "Dispositivo: un navegador desconocido en Windows."),
    ],
)
def test_the_program_is_named_in_the_language_of_the_message(locale: str, known: str, unknown: str) -> None:
    assert known in written("lockout", locale, agent=FIREFOX).text
    assert unknown in written("lockout", locale, agent="Own/1.0 (Windows)").text


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "https://a b", "/verify", 'https://a"onclick="x', "https://a\n"]
)
def test_a_link_that_is_none_is_refused(link: str) -> None:
    with pytest.raises(ValueError, match="link"):
        require_values("address_verification", {"link": link, "token": TOKEN, "valid_minutes": 5})


def test_a_token_is_shown_as_it_is_with_a_link_or_alone() -> None:
    assert TOKEN in written("address_verification", "en").text.split("\n\n")
    alone = {"token": TOKEN, "valid_minutes": 60, "at": AT}
    message = render(
        "address_verification", alone, to="a@b.example", locale="en", message_id="<1@x>", service="Example"
    )
    assert TOKEN in message.text.split("\n\n")
    assert "http" not in message.text + message.html
    with pytest.raises(ValueError, match="token"):
        require_values("address_verification", {"token": "a b", "valid_minutes": 5})


@pytest.mark.parametrize(("minutes", "shown"), [(30, "30 minutes"), (90, "90 minutes"), (1440, "24 hours")])
def test_a_long_time_is_told_in_hours(minutes: int, shown: str) -> None:
    assert f"within {shown}:" in written("address_verification", "en", valid_minutes=minutes).text
    assert f"within {shown} to" in written("phone_change_undo", "en", valid_minutes=minutes).text


@pytest.mark.parametrize("to", ["a@b.example\r\nBcc: c@d.example", "a@b.example, c@d.example", "", "nobody"])
def test_what_is_no_single_address_gets_no_message(to: str) -> None:
    message = render("recovery", {"at": AT}, to=to, locale="en", message_id="<1@x>", service="Example")
    with pytest.raises((ValueError, IndexError)):
        message.as_email(sender=SENDER, at=NOW)


def test_nothing_is_fetched_from_elsewhere() -> None:
    for path in TEMPLATES_FOLDER.rglob("*"):
        if path.is_file():
            assert not re.search(r"src=|url\(|<img|<link|<script|@import|https?://", path.read_text(encoding="utf-8"))


def test_the_page_for_people_names_every_template_and_value() -> None:
    page = Path("docs/email.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| [^|]+ \| ([^|]*)\|$", page, re.M))
    expected = {name: template.needs | template.takes - {"ip", "agent"} for name, template in TEMPLATES.items()}
    assert {name: set(re.findall(r"`([a-z_]+)`", cell)) for name, cell in rows.items()} == expected
