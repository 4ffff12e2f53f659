"""A phone's messages as programs see them, and the number that a question for them names."""

from typing import Any

from otp_service.simulator.clock import iso_utc
from otp_service.simulator.exchange import Request
from otp_service.simulator.numbers import normal_form
from otp_service.simulator.verification import Message


def message_document(message: Message) -> dict[str, Any]:
    """A message as the inbox shows it to programs."""
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
    }


def wanted_number(request: Request) -> str | None:
    """The number that `?to=` asks for; a `+` that the query turned into a space counts."""
    text = request.query("to")
    if not text:
        return None
    number = normal_form(text)
    return number if number.startswith("+") else f"+{number}"
