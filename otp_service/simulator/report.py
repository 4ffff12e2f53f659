"""Reporting a code: the one place that decides whether a number is proved."""

import hmac
from dataclasses import dataclass

from otp_service.simulator.errors import SinchError, invalid_parameter, not_found
from otp_service.simulator.numbers import normal_form, parse_number
from otp_service.simulator.order import read_method, read_object, section_of
from otp_service.simulator.provider import Provider
from otp_service.simulator.verification import Method, Reason, Status, Verification

_SOURCES = {"intercept": "intercepted", "intercepted": "intercepted", "log": "intercepted"}


@dataclass(frozen=True)
class Claim:
    """What a reporter says: the code, or the number a flash call came from."""

    method: Method
    proof: str
    source: str


@dataclass(frozen=True)
class Selector:
    """Which verification a call is about: by id, reference or number, and for a status by its method too."""

    by: str
    value: str
    method: Method | None = None

    def find(self, provider: Provider) -> Verification | None:
        """The verification, or None where there is none."""
        with provider.store.lock:
            if self.by == "id":
                return provider.store.by_id(self.value)
            if self.by == "reference":
                return provider.store.by_reference(self.value)
            return provider.store.by_number(parse_number(self.value)[0], self.method)


def read_claim(body: bytes) -> Claim:
    """Read a report; raises SinchError 40001."""
    document = read_object(body)
    method = read_method(document.get("method"))
    if method is Method.SEAMLESS:
        raise invalid_parameter("Method seamless cannot be reported.")
    name = "cli" if method is Method.FLASHCALL else "code"
    section = section_of(document, method.value)
    proof = section.get(name)
    if not isinstance(proof, str) or not proof.strip():
        raise invalid_parameter(f"Parameter {name} is missing.")
    source = str(section.get("source", document.get("source", ""))).lower()
    return Claim(method, proof.strip(), _SOURCES.get(source, "manual"))


def report(provider: Provider, selector: Selector, claim: Claim) -> Verification:
    """Settle a verification by what was reported. Of any number of right reports at once, one succeeds.

    Raises SinchError 40003 for a wrong code and 40400 where there is nothing to report.
    """
    with provider.store.lock:
        provider.expire_due()
        v = selector.find(provider)
        if v is None:
            raise not_found()
        if v.is_expired and provider.settings.report_after_expiry == "fail":
            return v
        if v.status is not Status.PENDING:
            raise _refusal_after_end(provider, v)
        if claim.method is not v.method:
            raise SinchError(40003, reference=v.reference)
        if not _is_right(v, claim):
            _count_wrong(provider, v)
            raise SinchError(40003, reference=v.reference)
        v.source = claim.source
        provider.end(v, Status.SUCCESSFUL)
        return v


def _refusal_after_end(provider: Provider, v: Verification) -> SinchError:
    if provider.settings.report_after_end == "invalid_code" and not v.is_expired:
        return SinchError(40003, reference=v.reference)
    return not_found()


def _is_right(v: Verification, claim: Claim) -> bool:
    proof = normal_form(claim.proof) if v.method is Method.FLASHCALL else claim.proof
    return hmac.compare_digest(proof.encode(), v.secret.encode())


def _count_wrong(provider: Provider, v: Verification) -> None:
    v.wrong_codes += 1
    allowed = provider.settings.wrong_codes_allowed
    if allowed is not None and v.wrong_codes >= allowed:
        v.source = "manual"
        reason = Reason.INVALID_CLI if v.method is Method.FLASHCALL else Reason.INVALID_CODE
        provider.end(v, Status.FAIL, reason)
    else:
        provider.store.save(v)
