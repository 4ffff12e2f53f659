"""Which error a response of Sinch means: by HTTP status, Sinch's error code, status and reason."""

from http import HTTPStatus
from typing import Any

from otp_service.core.calls.errors import OutcomeUnknown, RateLimited, Refused
from otp_service.core.calls.exchange import Response
from otp_service.core.logging import redact
from otp_service.providers import VerificationStatus
from otp_service.sinch.api_types import Reason, Report
from otp_service.sinch.errors import (
    BadCredentials,
    BadRequest,
    CodeRejected,
    Denied,
    DestinationDenied,
    DuplicateReference,
    NoCredit,
    VerificationExpired,
    VerificationFailed,
    VerificationNotFound,
)
from otp_service.sinch.transport import Operation

_INVALID_IDENTITY_OR_CODE = 40003
_BY_CODE: dict[int, type[Refused]] = {
    40300: DestinationDenied,  # identity is blacklisted, or not available for the destination
    40400: VerificationNotFound,
    40900: DuplicateReference,
    42201: DestinationDenied,  # no route to destination
}
# These count from any sender, a gateway in front of Sinch included. All others count only with Sinch's own error code:
# a gateway's plain 404 must not pass for "no such verification", or a second message would be sent.
_BY_STATUS: dict[int, type[Refused]] = {401: BadCredentials, 402: NoCredit, 403: Denied}
_BY_REASON: dict[Reason, type[Refused]] = {
    Reason.EXPIRED: VerificationExpired,
    Reason.NOT_ENOUGH_CREDIT: NoCredit,
    Reason.FRAUD: DestinationDenied,
    Reason.BLOCKED: DestinationDenied,
    Reason.DESTINATION_DENIED: DestinationDenied,
}
_WRONG_CODE_REASONS = (Reason.INVALID_CODE, Reason.INVALID_CLI)
_LONGEST_TEXT = 120


def payload_of(response: Response, operation: Operation) -> dict[str, Any]:
    """Return the payload of a successful response. Raises Refused, RateLimited or OutcomeUnknown for any other."""
    status = response.http_status
    wait = response.retry_after_seconds
    if status == HTTPStatus.OK and response.payload is not None:
        return response.payload
    code = _error_code(response)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise RateLimited(
            "Sinch accepts no more requests for now", http_status=status, error_code=code, retry_after_seconds=wait
        )
    kind = _kind(status, code, operation)
    if kind is None:
        detail = f"no usable response from Sinch (HTTP {status})"
        raise OutcomeUnknown(detail, http_status=status, error_code=code, retry_after_seconds=wait)
    raise kind(f"Sinch refused the {operation.value}", http_status=status, error_code=code, text=_text(response))


def require_success(report: Report) -> Report:
    """Return `report` if it was successful. Raises the error that it means, OutcomeUnknown while it is pending."""
    if report.status is VerificationStatus.SUCCESSFUL:
        return report
    if report.status is VerificationStatus.PENDING:
        raise OutcomeUnknown("the verification is still pending at Sinch")
    detail = f"the verification is {report.status.value} ({report.reason.value if report.reason else 'no reason'})"
    if report.reason in _WRONG_CODE_REASONS:
        raise CodeRejected(detail, http_status=HTTPStatus.OK)
    default = Denied if report.status is VerificationStatus.DENIED else VerificationFailed
    kind = _BY_REASON.get(report.reason, default) if report.reason else default
    raise kind(detail, http_status=HTTPStatus.OK)


def _kind(status: int, code: int | None, operation: Operation) -> type[Refused] | None:
    if not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    if code is None:
        return _BY_STATUS.get(status)
    # Sinch's 40003 is "Invalid identity or code": to a report it means a wrong code, to a start a bad number.
    if code == _INVALID_IDENTITY_OR_CODE and operation is Operation.REPORT:
        return CodeRejected
    if status == HTTPStatus.NOT_FOUND and operation is Operation.START:
        return BadRequest  # a start looks for no verification: the base URL must be wrong
    return _BY_CODE.get(code) or _BY_STATUS.get(status, BadRequest)


def _text(response: Response) -> str | None:
    """Return Sinch's message, with numbers masked: it may quote the one that was called."""
    text = (response.payload or {}).get("message")
    return redact(text)[:_LONGEST_TEXT] if isinstance(text, str) and text else None


def _error_code(response: Response) -> int | None:
    """Sinch's five digits, if they begin with the HTTP status. Some of Sinch's documents show them as text."""
    found = (response.payload or {}).get("errorCode")
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) == len("40001"):
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, int):
        return None
    return found if found // 100 == response.http_status else None
