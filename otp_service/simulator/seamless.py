"""Seamless (data) verification: the phone itself opens an address, through one redirect."""

from otp_service.simulator.answers import SEAMLESS_PATH, report_answer
from otp_service.simulator.calls import Call, Operation
from otp_service.simulator.errors import not_found
from otp_service.simulator.exchange import Reply, Request
from otp_service.simulator.provider import Provider
from otp_service.simulator.verification import Status, Verification

_SEGMENTS = SEAMLESS_PATH.strip("/").count("/") + 1


def open_seamless(provider: Provider, request: Request) -> Reply:
    """`GET` of a targetUri: first a redirect, as from a carrier, then the result in a report's shape."""
    match request.verb, *request.segments[_SEGMENTS:]:
        case ["GET", token]:
            return Reply(302, b"", {"Location": f"{request.base_url}{SEAMLESS_PATH}/{token}/result"})
        case ["GET", token, "result"]:
            return Reply.of(report_answer(_proved(provider, request, token)))
    raise not_found()


def _proved(provider: Provider, request: Request, token: str) -> Verification:
    with provider.store.lock:
        provider.expire_due()
        v = provider.store.by_token(token)
        number = v.number if v else None
        now = provider.clock.now()
        provider.calls.add(Call(Operation.SEAMLESS, number, now, "GET", request.path, has_credentials=False))
        if v is None or (v.status is not Status.PENDING and not v.is_expired):
            raise not_found()
        if v.status is Status.PENDING:
            provider.end(v, Status.SUCCESSFUL)
        return v
