"""Writes a message out of a template and its values, in the reader's language."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from otp_service.mail import harmless
from otp_service.mail.catalogue import LOCALES, TEMPLATES, require_values
from otp_service.mail.message import Message

_FOLDER = Path(__file__).parent / "templates"
_SHOWN_AS = {"phone_number": harmless.masked_number, "new_email": harmless.masked_address, "at": harmless.moment}


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
    """The language of ours for a locale such as `de-AT` or `es_MX`; English for others."""
    wanted = (locale or "").replace("_", "-").partition("-")[0].lower()
    return wanted if wanted in LOCALES else LOCALES[0]


def write(
    template: str, values: Mapping[str, Any], *, to: str, locale: str | None, message_id: str, service: str
) -> Message:
    """The message. Raises ValueError when the values are not the template's; `at` is the time of posting."""
    given = {name: value for name, value in values.items() if name != "at"}
    require_values(template, given)
    spoken = language(locale)
    known = TEMPLATES[template]
    shown = dict.fromkeys(known.takes) | {name: _shown(name, value) for name, value in values.items()}
    shown["service"] = harmless.one_line(service)
    lines = _environment().get_template(f"{spoken}/{template}.txt").render(shown)
    subject, _, body = lines.strip().partition("\n")
    paragraphs = [" ".join(part.split()) for part in body.split("\n\n") if part.strip()]
    page = _environment().get_template("layout.html")
    link = shown.get("link")
    html = page.render(language=spoken, subject=subject, paragraphs=paragraphs, link=link, service=shown["service"])
    text = "\n\n".join(paragraphs) + "\n"
    return Message(to=to, subject=subject.strip(), text=text, html=html, message_id=message_id, locale=spoken)


def _shown(name: str, value: Any) -> str:
    if name in {"link", "token"}:
        return harmless.one_line(value)
    return _SHOWN_AS.get(name, harmless.plain)(value)
