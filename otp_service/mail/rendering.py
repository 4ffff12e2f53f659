"""Renders a template and its values into a message, in the recipient's language.

No message holds text that a stranger chose. Of a browser's header it shows a well-known name, of an address and a
number a few letters, and it shows no name that someone gave to an account or a passkey. Every other value is reduced to
one short line of printable text that no mail program turns into a link, in case an attacker finds a way to choose one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from otp_service.core import phone, user_agents
from otp_service.core.text import primary_language
from otp_service.mail.catalogue import LINKS, LOCALES, TEMPLATES, TIMES, TOKENS, require_values
from otp_service.mail.message import Message

LONGEST_VALUE = 120
_FOLDER = Path(__file__).parent / "templates"
_WHITESPACE = re.compile(r"\s+")
_ADDRESS = re.compile(r"(\w)[^\s@]*@((\w)[\w.-]*)")
_PLAIN_DOMAIN = re.compile(r"[a-z]{1,15}(\.[a-z]{2,10}){1,2}")
_LINKING = re.compile(r"\.(?=\D)|(?<=\D)\.|//+|@|www", re.IGNORECASE)  # what mail programs turn into links


@cache
def _environment() -> Environment:
    """HTML is escaped; the texts are plain, and their values have no line breaks."""
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def language(locale: str | None) -> str:
    """Return the language of the templates for a locale such as `de-AT` or `es_MX`; English for all others."""
    wanted = primary_language(locale)
    return wanted if wanted in LOCALES else LOCALES[0]


def render(
    template: str, values: Mapping[str, Any], *, to: str, locale: str | None, message_id: str, service: str
) -> Message:
    """Render the message. `values` holds those of the template and `at`, the time of the event (ISO 8601).

    Raises ValueError if the values do not fit the template.
    """
    require_values(template, {name: value for name, value in values.items() if name != "at"})
    spoken = language(locale)
    shown = dict.fromkeys(TEMPLATES[template].takes) | {name: _shown(name, value) for name, value in values.items()}
    shown["service"] = _one_line(service)
    lines = _environment().get_template(f"{spoken}/{template}.txt").render(shown)
    subject, _, body = lines.strip().partition("\n")
    paragraphs = [" ".join(part.split()) for part in body.split("\n\n") if part.strip()]
    page = _environment().get_template("layout.html")
    links = [str(shown[name]) for name in LINKS if shown.get(name)]
    html = page.render(language=spoken, subject=subject, paragraphs=paragraphs, links=links, service=shown["service"])
    text = "\n\n".join(paragraphs) + "\n"
    return Message(to=to, subject=subject.strip(), text=text, html=html, message_id=message_id, locale=spoken)


@dataclass(frozen=True, slots=True)
class _Program:
    """What a message says about a `User-Agent`."""

    browser: str | None
    system: str | None


def _shown(name: str, value: Any) -> str | _Program:
    """Return the value as the message shows it. Everything that this service did not make itself is neutralized."""
    if name in {*LINKS, *TOKENS}:
        return _one_line(value)
    if name == "phone_number":
        return phone.mask(_one_line(value))  # mail is stored and read by third parties
    if name == "agent":
        return _Program(user_agents.browser_of(str(value)), user_agents.system_of(str(value)))
    if name == "new_email":
        return _masked_address(value)
    if name in TIMES:
        return f"{datetime.fromisoformat(str(value)):%Y-%m-%d %H:%M} UTC"
    return _unlinked(value)


def _one_line(value: Any) -> str:
    """Drop line breaks, controls and direction marks."""
    text = _WHITESPACE.sub(" ", str(value))
    return "".join(filter(str.isprintable, text)).strip()


def _unlinked(value: Any) -> str:
    """Cut to a short line that mail programs do not turn into a link: anyone may have chosen the value."""
    return _WHITESPACE.sub(" ", _LINKING.sub(" ", _one_line(value))).strip()[:LONGEST_VALUE]


def _masked_address(value: Any) -> str:
    found = _ADDRESS.fullmatch(_one_line(value))
    if found is None:
        return "***"
    # Of an address that a stranger chose, even the domain may hold a message: call-us-at-19005550100.example.
    return f"{found[1]}***@{found[2] if _PLAIN_DOMAIN.fullmatch(found[2]) else f'{found[3]}***'}"
