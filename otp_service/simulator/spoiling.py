"""What a fault makes of the response to a call."""

import threading
from dataclasses import replace

from otp_service.simulator.http.errors import ApiError
from otp_service.simulator.http.request_response import JSON_TYPE, Request, Response, Wire
from otp_service.simulator.provider.faults import Fault, Kind

REDIRECTED_PREFIX = "/redirected"
_GARBAGE = b'\x00\xff<html><body>502 Bad Gateway</body></html>{"status":"SUCCESSFUL",'
_CODES = {400: 40001, 401: 40107, 402: 40200, 403: 40300, 404: 40400, 409: 40900, 422: 42201, 429: 42900,
          500: 50000, 501: 50100, 503: 50300}  # fmt: skip


def spoil(fault: Fault, request: Request, response: Response | None, release: threading.Event) -> Response | None:
    """Return the response to send instead, or None to go on unharmed. `response` is None before the call."""
    match fault.kind:
        case Kind.LATENCY:
            release.wait(fault.wait_seconds)
            return None
        case Kind.STALL:
            return None if release.wait(fault.wait_seconds) else Response(200, wire=Wire.SILENT)
        case Kind.RESET:
            return Response(200, wire=Wire.RESET)
        case Kind.GARBAGE:
            return Response(200, _GARBAGE, {"Content-Type": JSON_TYPE})
        case Kind.HALF_BODY:
            return replace(response or Response.of({"id": "0" * 36, "method": "sms"}), wire=Wire.HALF)
        case Kind.REDIRECT:
            location = f"{request.base_url}{REDIRECTED_PREFIX}{request.target}"
            return Response(fault.status_code or 307, b"", {"Location": location})
        case Kind.STATUS:
            return _status_fault(fault)
    return None


def _status_fault(fault: Fault) -> Response:
    status = fault.status_code or 500
    headers = {} if fault.seconds is None else {"Retry-After": str(round(fault.seconds))}
    return replace(ApiError(_CODES.get(status, status * 100), headers=headers).response(), status=status)
