"""Responses to requests that the web server rejects before the application sees them, in the form of all errors."""

import logging
import uuid
from http import HTTPStatus
from typing import Any

import orjson

from otp_service.core.web.headers import ALWAYS
from otp_service.core.web.problems import described

log = logging.getLogger(__name__)


def response(status: int) -> bytes:
    """Return the whole response with which the connection ends, and log its request id.

    It repeats no part of the request, which was not understood.
    """
    code, message = described(status)
    request_id = str(uuid.uuid4())
    log.info("request.refused", extra={"code": code, "status": status, "requestId": request_id})
    envelope: dict[str, Any] = {"status": "error", "statusCode": status, "code": code, "message": message}
    body = orjson.dumps({**envelope, "requestId": request_id}, option=orjson.OPT_APPEND_NEWLINE)
    headers = [
        ("Connection", "close"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Request-ID", request_id),
        *ALWAYS,
    ]
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
