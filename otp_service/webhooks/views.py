"""The routes that providers send events to."""

from typing import Any

from flask import Blueprint, request

from otp_service.core.web import request_limits
from otp_service.core.web.api import api
from otp_service.core.web.body import read_json_bytes
from otp_service.core.web.tracing import client_info
from otp_service.sinch import SignedRequest
from otp_service.verifications import callbacks
from otp_service.webhooks.schemas import ReplyOut

bp = Blueprint("webhooks", __name__)


@bp.post("/webhooks/sinch/verification")
@request_limits.refused_only
@api(out=ReplyOut, may_be_empty=True, errors=(400, 401, 413, 415))
def verification_event() -> dict[str, Any] | None:
    """Receive a signed event from Sinch: the question before a start, the result or delivery after it."""
    signed = SignedRequest(
        method=request.method,
        path=request.path,
        timestamp=request.headers.get("x-timestamp", ""),
        content_type=request.headers.get("Content-Type", ""),
        body=read_json_bytes(),
    )
    return callbacks.receive(signed, authorization=request.headers.get("Authorization", ""), client=client_info())
