"""A client of otp_service for backends: verify phone numbers, introspect tokens, verify events."""

import base64
import binascii
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import requests

__version__ = "0.1.0"
__all__ = ["Event", "EventNotVerified", "OtpBackend", "OtpError", "Verification", "verify_event"]

LONGEST_WAIT_SECONDS = 5
MAY_PASS = {0, 503}
"""Statuses after which the same request may succeed; 0 is no response at all."""


class OtpError(Exception):
    """A response that is not a success. `status` is 0 and `code` is "no_response" where there was none.

    `code` is a stable word, `retry_after` the seconds until a retry makes sense, `errors` the fields that a 400 rejects
    (`field`, `message`), `body` all fields of the response.
    """

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.errors: list[dict[str, str]] = body.get("errors") or []
        fields = "; ".join(f"{error['field']}: {error['message']}" for error in self.errors)
        message = str(body.get("message", f"The service responded {status}."))
        super().__init__(f"{message} {fields}" if fields else message)
        self.status = status
        self.body = body
        self.code = str(body.get("code", "http_error"))
        self.retry_after: int | None = body.get("retryAfter")
        self.request_id: str | None = body.get("requestId")

    @property
    def attempts_left(self) -> int | None:
        """How many codes may still be tried, after a wrong one."""
        return self.body.get("attemptsLeft")


@dataclass(frozen=True, slots=True)
class Verification:
    """How a verification stands. `status` is `pending`, `approved`, `failed`, `expired`, `replaced`, `cancelled` or
    `undelivered`; `resend_after` is in seconds.
    """

    id: str
    status: str
    phone_number: str
    reference: str | None
    country: str
    channel: str
    created_at: datetime
    expires_at: datetime
    resend_after: int
    attempts_left: int

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Verification":
        """Read the JSON of a verification."""
        return cls(
            id=body["id"],
            status=body["status"],
            phone_number=body["phoneNumber"],
            reference=body["reference"],
            country=body["country"],
            channel=body["channel"],
            created_at=_time(body["createdAt"]),
            expires_at=_time(body["expiresAt"]),
            resend_after=body["resendAfter"],
            attempts_left=body["attemptsLeft"],
        )


class OtpBackend:
    """The calls of one backend. Use one for each thread, as `requests.Session` wants it.

    A lost response, and a 503 that is over within 5 seconds, is retried. Each call has one idempotency key over its
    retries, so it acts once. Give an `idempotency_key` of your own to repeat a call after a crash.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        timeout_seconds: float = 15,
        retries: int = 2,
        session: requests.Session | None = None,
    ) -> None:
        """`base_url` is the address of the service, with or without `/api/v1`; `key` is `otpk_...`."""
        self._root = base_url.rstrip("/").removesuffix("/api/v1") + "/api/v1"
        self._timeout_seconds = timeout_seconds
        self._retries = retries
        self._session = session or requests.Session()
        self._session.auth = _Bearer(key)

    def create_verification(  # noqa: PLR0913 - a request has as many fields as it has
        self,
        phone_number: str,
        *,
        channel: str | None = None,
        locale: str | None = None,
        reference: str | None = None,
        client_ip: str | None = None,
        expires_in: int | None = None,
        idempotency_key: str | None = None,
    ) -> Verification:
        """Send a code to a phone number. Raises OtpError.

        `client_ip` is your user's address, which has limits of its own; `expires_in` is in seconds.
        """
        body = {
            "phoneNumber": phone_number,
            "channel": channel,
            "locale": locale,
            "reference": reference,
            "clientIp": client_ip,
            "expiresIn": expires_in,
        }
        return Verification.of(self._once("/verifications", body, idempotency_key))

    def check_verification(self, verification_id: str, code: str, *, idempotency_key: str | None = None) -> datetime:
        """Return when the number was verified, for the right code alone, and once.

        Raises OtpError: `otp_invalid` (see `attempts_left`), `verification_ended`, `too_many_attempts` and others.
        """
        found = self._once(f"/verifications/{quote(verification_id, '')}/check", {"code": code}, idempotency_key)
        return _time(found["approvedAt"])

    def resend_verification(
        self, verification_id: str, *, channel: str | None = None, idempotency_key: str | None = None
    ) -> Verification:
        """Send another code for the same verification. Raises OtpError."""
        path = f"/verifications/{quote(verification_id, '')}/resend"
        return Verification.of(self._once(path, {"channel": channel}, idempotency_key))

    def get_verification(self, verification_id: str) -> Verification:
        """Return how a verification stands. Raises OtpError."""
        return Verification.of(self.request("GET", f"/verifications/{quote(verification_id, '')}"))

    def verifications(self, *, reference: str | None = None, phone_number: str | None = None) -> Iterator[Verification]:
        """Yield this backend's verifications, newest first, page by page. Raises OtpError."""
        query = {"reference": reference, "phoneNumber": phone_number}
        while True:
            page = self.request("GET", "/verifications", params=query)
            yield from map(Verification.of, page["verifications"])
            if page["next"] is None:
                return
            query["cursor"] = page["next"]

    def cancel_verification(self, verification_id: str, *, erase: bool = False) -> None:
        """Cancel a verification; with `erase`, delete it and its number. Raises OtpError."""
        query = {"erase": "true"} if erase else None
        self.request("DELETE", f"/verifications/{quote(verification_id, '')}", params=query)

    def introspect(self, token: str) -> dict[str, Any]:
        """Return the claims of a person's access token, with `active` (RFC 7662). Raises OtpError."""
        return dict(self.request("POST", "/tokens/introspect", data={"token": token}))

    def request(self, method: str, path: str, **options: Any) -> Any:
        """Call any route for backends below `/api/v1`; `options` are those of `requests.Session.request`.

        GET, forms, and requests with an `Idempotency-Key` are retried. Raises OtpError.
        """
        is_repeatable = method == "GET" or "data" in options or "Idempotency-Key" in options.get("headers", {})
        for left in range(self._retries if is_repeatable else 0, -1, -1):
            try:
                return self._ask(method, path, **options)
            except OtpError as error:
                wait_seconds = error.retry_after if error.retry_after is not None else 0.2
                if not left or error.status not in MAY_PASS or wait_seconds > LONGEST_WAIT_SECONDS:
                    raise
                time.sleep(wait_seconds)
        raise AssertionError("the last try returns or raises")

    def _once(self, path: str, body: Mapping[str, Any], key: str | None) -> dict[str, Any]:
        given = {name: value for name, value in body.items() if value is not None}
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        return dict(self.request("POST", path, json=given, headers=headers))

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        own = {"timeout": self._timeout_seconds, "allow_redirects": False, **options}
        try:
            response = self._session.request(method, self._root + path, **own)
        except requests.RequestException as error:
            body = {"code": "no_response", "message": "The service did not respond. Try again."}
            raise OtpError(0, body) from error
        try:
            found = response.json()
        except ValueError:
            found = None  # nothing (204), or the page of a proxy
        if not 200 <= response.status_code < 300:
            raise OtpError(response.status_code, found if isinstance(found, dict) else {})
        return found


@dataclass(frozen=True, slots=True)
class Event:
    """What happened. It may come more than once: remember the ids that you have handled."""

    id: str
    type: str
    at: datetime
    data: Mapping[str, Any]


class EventNotVerified(Exception):
    """The service did not sign this body with this secret, or it is too old."""


def verify_event(body: bytes, headers: Mapping[str, str], *secrets: str, tolerance_seconds: int = 300) -> Event:
    """Return an event that the service signed with one of the secrets (Standard Webhooks). Raises EventNotVerified.

    `body` is what came, before any parsing. Give two secrets (`whsec_...`) during a rotation.
    """
    named = {name.lower(): value for name, value in headers.items()}
    message_id, sent_at = named.get("webhook-id", ""), named.get("webhook-timestamp", "")
    if not message_id or not (sent_at.isascii() and sent_at.isdigit() and len(sent_at) <= 12):
        raise EventNotVerified("The event has no webhook-id or no webhook-timestamp.")
    if abs(time.time() - int(sent_at)) > tolerance_seconds:
        raise EventNotVerified("The event is too old, or the clock of this machine is wrong.")
    signatures = [one[3:] for one in named.get("webhook-signature", "").split(" ") if one.startswith("v1,")]
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = hmac.digest(key, f"{message_id}.{sent_at}.".encode() + body, hashlib.sha256)
        if any(hmac.compare_digest(expected, _bytes_of(signature)) for signature in signatures):
            event = json.loads(body)
            return Event(event["id"], event["type"], _time(event["at"]), event["data"])
    raise EventNotVerified("The event is not signed with this secret.")


class _Bearer(requests.auth.AuthBase):
    """The key, on each request: without it, requests would take a password for the host from ~/.netrc."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


def _bytes_of(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""  # no base64, so no signature


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
