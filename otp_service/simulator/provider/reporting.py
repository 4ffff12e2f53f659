"""Report a code or open a seamless address: the one place that decides whether a number is verified."""

import hmac
from dataclasses import dataclass

from otp_service.simulator.http.errors import ApiError, not_found
from otp_service.simulator.provider.provider import Provider
from otp_service.simulator.provider.request_bodies import ReportRequest, parse_number, without_separators
from otp_service.simulator.provider.verification import Method, Reason, Status, Verification


@dataclass(frozen=True)
class Selector:
    """Which verification a call is about: by id, reference or number, and a status by number by method too."""

    by: str
    value: str
    method: Method | None = None

    def find(self, provider: Provider) -> Verification | None:
        """Return the verification, or None. Raises ApiError 40001 for an impossible number."""
        with provider.store.lock:
            if self.by == "id":
                return provider.store.by_id(self.value)
            if self.by == "reference":
                return provider.store.by_reference(self.value)
            return provider.store.by_number(parse_number(self.value)[0], self.method)


def report(provider: Provider, selector: Selector, request: ReportRequest) -> Verification:
    """Report a code. The lock makes one of any number of right reports at once succeed.

    Raises ApiError 40003 for a wrong code and 40400 if there is no verification to report. A wrong code is no
    200/FAIL: three independent clients of Sinch test for this error.
    """
    with provider.store.lock:
        provider.expire_due()
        v = selector.find(provider)
        if v is None:
            raise not_found()
        if v.is_expired and provider.settings.report_after_expiry == "fail":
            return v  # as Sinch's mock server does for a late flash call
        if v.status is not Status.PENDING:
            raise _error_after_end(provider, v)
        if request.method is not v.method:  # no attempt at the code, so it does not count as a wrong one
            raise ApiError(40003, reference=v.reference)
        if not _is_right(v, request):
            _count_wrong(provider, v)
            raise ApiError(40003, reference=v.reference)
        v.source = request.source
        provider.end(v, Status.SUCCESSFUL)
        return v


def open_seamless(provider: Provider, token: str) -> Verification | None:
    """Verify the number whose seamless address ends with `token`. Returns None if there is none, or it ended."""
    with provider.store.lock:
        provider.expire_due()
        v = provider.store.by_token(token)
        if v is None or (v.status is not Status.PENDING and not v.is_expired):
            return None
        if v.status is Status.PENDING:
            provider.end(v, Status.SUCCESSFUL)
        return v


def deny_pending(provider: Provider, selector: Selector) -> None:
    """Make a pending verification turn out fraudulent, for a fault."""
    with provider.store.lock:
        provider.expire_due()
        v = selector.find(provider)
        if v and v.status is Status.PENDING:
            provider.end(v, Status.DENIED, Reason.FRAUD)


def _error_after_end(provider: Provider, v: Verification) -> ApiError:
    if provider.settings.report_after_end == "invalid_code" and not v.is_expired:
        return ApiError(40003, reference=v.reference)
    return not_found()


def _is_right(v: Verification, request: ReportRequest) -> bool:
    reported = without_separators(request.secret) if v.method is Method.FLASHCALL else request.secret
    return hmac.compare_digest(reported.encode(), v.secret.encode())


def _count_wrong(provider: Provider, v: Verification) -> None:
    v.wrong_codes += 1
    allowed = provider.settings.wrong_codes_allowed
    if allowed is not None and v.wrong_codes >= allowed:
        v.source = "manual"  # how it ended, not how it was read: the last wrong code ended it
        reason = Reason.INVALID_CLI if v.method is Method.FLASHCALL else Reason.INVALID_CODE
        provider.end(v, Status.FAIL, reason)
    else:
        provider.store.save(v)
