"""The message of an event: its body, without a secret, and its signed headers (standardwebhooks.com)."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from otp_service.audit import Entry
from otp_service.core.crypto.webhook_signatures import signed_headers
from otp_service.core.phone import mask
from otp_service.hooks.event_types import MEANINGS, TEST

_JSON = orjson.OPT_UTC_Z


@dataclass(frozen=True, slots=True)
class Numbers:
    """Finds the phone number that an event is about. Higher tiers know them. An app's verifications are its own."""

    of_user: Callable[[int], str | None]
    of_verification: Callable[[uuid.UUID], str | None]
    of_apps_verification: Callable[[uuid.UUID], str | None]

    def find(self, entry: Entry) -> str | None:
        """Return the number of a verification, else the user's; None if the service has forgotten it."""
        if (verification_id := entry.facts.get("verificationId")) is not None:
            find = self.of_verification if entry.user_id is not None else self.of_apps_verification
            return find(uuid.UUID(verification_id))
        return None if entry.user_id is None else self.of_user(entry.user_id)


def body_of(delivery_id: uuid.UUID, type: str, entry: Entry, *, numbers: Numbers, has_numbers: bool) -> bytes:
    """Return the body of an event. It tells the number as it is now, masked unless `has_numbers`.

    The trail itself has numbers masked: they are shown once the number is forgotten.
    """
    meaning = next(meaning for meaning in MEANINGS[entry.event] if meaning.type == type)
    data: dict[str, Any] = {} if entry.user_id is None else {"userId": entry.user_id}
    data |= meaning.data(entry.facts)
    if meaning.has_number:
        number = numbers.find(entry)
        shown = entry.facts.get("phoneNumber") if number is None else number if has_numbers else mask(number)
        data |= {} if shown is None else {"phoneNumber": shown}
    return orjson.dumps({"id": str(delivery_id), "type": type, "at": entry.at, "data": data}, option=_JSON)


def test_body(message_id: uuid.UUID, hook_id: uuid.UUID, *, at: datetime) -> bytes:
    """Return the body of a message that says only that messages arrive."""
    data = {"hookId": str(hook_id)}
    return orjson.dumps({"id": str(message_id), "type": TEST, "at": at, "data": data}, option=_JSON)


def headers_of(message_id: uuid.UUID, body: bytes, *, secrets: tuple[bytes, ...], at: datetime) -> Mapping[str, str]:
    """Return the headers of one try, with a signature by each secret: one space between them, as the spec has it."""
    signed = [signed_headers(secret, message_id=str(message_id), at=at, body=body) for secret in secrets]
    signatures = " ".join(headers["webhook-signature"] for headers in signed)
    return {**signed[0], "webhook-signature": signatures, "Content-Type": "application/json"}
