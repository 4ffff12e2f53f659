"""The phone inbox: messages as programs see them, and the page for people."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from otp_service.simulator.clock import iso_utc
from otp_service.simulator.provider.store import Store
from otp_service.simulator.provider.verification import Message

MESSAGES_SHOWN = 200  # the page is fetched every two seconds
NUMBERS_OFFERED = 100
CHANNELS = {"sms": "SMS", "callout": "Call", "flashcall": "Missed call", "whatsapp": "WhatsApp"}
ASSETS = {"/inbox.css": "text/css; charset=utf-8", "/inbox.js": "text/javascript; charset=utf-8"}
HEADERS = {  # the page shows what strangers may choose, such as references and templates: no script of theirs may run
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_FOLDER = Path(__file__).parent / "assets"
_PAGE = Template((_FOLDER / "inbox.html").read_text(encoding="utf-8"))
_MESSAGE = Template((_FOLDER / "message.html").read_text(encoding="utf-8"))


def message_document(message: Message) -> dict[str, Any]:
    """Return a message as JSON."""
    return {
        "id": message.id,
        "to": message.to,
        "channel": message.channel,
        "text": message.text,
        "code": message.code,
        "cli": message.cli,
        "at": iso_utc(message.at),
        "verificationId": message.verification_id,
        "reference": message.reference,
        **({} if message.provider == "sinch" else {"provider": message.provider}),
    }


def asset(path: str) -> bytes:
    """Return the page's style or script; `path` is one of ASSETS."""
    return (_FOLDER / path.lstrip("/")).read_bytes()


def inbox_page(store: Store, number: str | None, base_url: str) -> str:
    """Return the page with the messages of one phone or of all, newest first."""
    newest = store.inbox(limit=MESSAGES_SHOWN)
    messages = store.inbox(number, MESSAGES_SHOWN) if number else newest
    numbers = list(dict.fromkeys(message.to for message in newest))[:NUMBERS_OFFERED]
    return _PAGE.substitute(
        number=escape(number or ""),
        title=escape(f"Inbox of {number}" if number else "Phone inbox"),
        options="".join(f'<option value="{escape(known)}"></option>' for known in numbers),
        count=_count(messages, number),
        messages="".join(map(_card, messages)) or _first_steps(number, base_url),
    )


def _count(messages: Sequence[Message], number: str | None) -> str:
    whose = f" for {escape(number)}" if number else ""
    if len(messages) == MESSAGES_SHOWN:
        return f"The newest {MESSAGES_SHOWN} messages{whose}"
    return f"{len(messages)} message{'' if len(messages) == 1 else 's'}{whose}"


def _card(message: Message) -> str:
    shown = message.code or message.cli or ""
    return _MESSAGE.substitute(
        id=escape(message.id),
        to=escape(message.to),
        link=escape(message.to.replace("+", "%2B")),
        channel=escape(message.channel),
        channel_name=escape(_channel_name(message)),
        at=message.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        at_text=message.at.strftime("%H:%M:%S UTC"),
        text=escape(message.text),
        label="Calling number" if message.cli else "Code",
        code=escape(shown),
        reference=f"Reference {escape(message.reference)}" if message.reference else "",
    )


def _channel_name(message: Message) -> str:
    name = CHANNELS.get(message.channel, message.channel)
    return name if message.provider == "sinch" else f"{name} by the gateway"


def _first_steps(number: str | None, base_url: str) -> str:
    """What to do next, on a page without messages."""
    if number:
        return (
            f'<section class="nothing"><h2>No messages for {escape(number)} yet</h2>'
            "<p>Make your service send a code to this number. The message appears here within two seconds. "
            '<a href="/inbox">Show all phones</a>.</p></section>'
        )
    return (
        '<section class="nothing"><h2>No messages yet</h2>'
        f"<ol><li>Set <code>SINCH_BASE_URL={escape(base_url)}</code> for your service.</li>"
        "<li>Register or sign in there, so that it sends a code.</li>"
        "<li>The message appears on this page within two seconds.</li></ol></section>"
    )
