"""The inbox for people: a page that shows what each phone received and keeps itself fresh."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from otp_service.simulator.exchange import Reply, Request
from otp_service.simulator.inbox import wanted_number
from otp_service.simulator.provider import Provider
from otp_service.simulator.verification import Message

MESSAGES_SHOWN = 200
NUMBERS_OFFERED = 100
CHANNELS = {"sms": "SMS", "callout": "Call", "flashcall": "Missed call", "whatsapp": "WhatsApp"}
ASSETS = {"/inbox.css": "text/css; charset=utf-8", "/inbox.js": "text/javascript; charset=utf-8"}

_FOLDER = Path(__file__).parent / "assets"
_PAGE = Template((_FOLDER / "inbox.html").read_text(encoding="utf-8"))
_MESSAGE = Template((_FOLDER / "message.html").read_text(encoding="utf-8"))
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def front_door(_: Provider, __: Request) -> Reply:
    """`GET /`: people who come here want the inbox."""
    return Reply(302, b"", {"Location": "/inbox"})


def asset(_: Provider, request: Request) -> Reply:
    """The page's style and script."""
    body = (_FOLDER / request.raw_path.lstrip("/")).read_bytes()
    return Reply(200, body, {**_HEADERS, "Content-Type": ASSETS[request.raw_path]})


def inbox_page(provider: Provider, request: Request) -> Reply:
    """`GET /inbox?to=`: newest first."""
    number = wanted_number(request)
    newest = provider.store.inbox(limit=MESSAGES_SHOWN)
    messages = provider.store.inbox(number, MESSAGES_SHOWN) if number else newest
    numbers = list(dict.fromkeys(message.to for message in newest))[:NUMBERS_OFFERED]
    page = _PAGE.substitute(
        number=escape(number or ""),
        title=escape(f"Inbox of {number}" if number else "Phone inbox"),
        options="".join(f'<option value="{escape(known)}"></option>' for known in numbers),
        count=_count(messages, number),
        messages="".join(map(_card, messages)) or _nothing(number, request.base_url),
    )
    return Reply(200, page.encode(), {**_HEADERS, "Content-Type": "text/html; charset=utf-8"})


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
        channel_name=escape(CHANNELS.get(message.channel, message.channel)),
        at=message.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        at_text=message.at.strftime("%H:%M:%S UTC"),
        text=escape(message.text),
        label="Calling number" if message.cli else "Code",
        code=escape(shown),
        reference=f"Reference {escape(message.reference)}" if message.reference else "",
    )


def _nothing(number: str | None, base_url: str) -> str:
    """What to do next, when there is nothing to see."""
    if number:
        return (
            f'<section class="nothing"><h2>Nothing for {escape(number)} yet</h2>'
            "<p>Ask your service to send it a code and the message appears here by itself, "
            'or <a href="/inbox">look at all phones</a>.</p></section>'
        )
    return (
        '<section class="nothing"><h2>No phone received anything yet</h2>'
        f"<ol><li>Point your service here: <code>SINCH_BASE_URL={escape(base_url)}</code></li>"
        "<li>Register or sign in there, so that it sends a code.</li>"
        "<li>The message appears on this page by itself within two seconds.</li></ol></section>"
    )
