"""Sinch's side over HTTP: which operation a path names, and how it is carried out with its faults."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from otp_service.simulator.http.authorization import Level, authorize
from otp_service.simulator.http.errors import ApiError, not_found
from otp_service.simulator.http.request_response import Request, Response
from otp_service.simulator.provider.documents import (
    SEAMLESS_PATH,
    VERIFICATIONS_PATH,
    report_response,
    start_response,
    status_response,
)
from otp_service.simulator.provider.faults import FAULT_HEADER, Fault, Kind, Phase, read_fault_header
from otp_service.simulator.provider.provider import Provider
from otp_service.simulator.provider.reporting import Selector, deny_pending, open_seamless, report
from otp_service.simulator.provider.request_bodies import (
    parse_number,
    read_method,
    read_object,
    read_report,
    read_start,
    section_of,
)
from otp_service.simulator.provider.starting import start
from otp_service.simulator.provider.store import Call, Operation
from otp_service.simulator.provider.verification import Status
from otp_service.simulator.spoiling import REDIRECTED_PREFIX, spoil

_PREFIX_SEGMENTS = VERIFICATIONS_PATH.strip("/").count("/") + 1
_SEAMLESS_SEGMENTS = SEAMLESS_PATH.strip("/").count("/") + 1
_NO_CACHE = {"Expires": "-1"}


@dataclass(frozen=True)
class Target:
    """What a provider call asks for, and of which verification."""

    operation: Operation
    selector: Selector | None = None


def serves(path: str) -> bool:
    """Return whether a path belongs to Sinch's API or to a fault of it."""
    prefixes = (f"{VERIFICATIONS_PATH}/", f"{SEAMLESS_PATH}/", f"{REDIRECTED_PREFIX}/")
    return path == VERIFICATIONS_PATH or path.startswith(prefixes)


def respond_to_provider_call(provider: Provider, request: Request) -> Response:
    """Respond to a call of Sinch's API. Raises ApiError for responses that are not success."""
    if request.raw_path.startswith(f"{SEAMLESS_PATH}/"):
        return _open_seamless(provider, request)
    if request.raw_path.startswith(f"{REDIRECTED_PREFIX}/"):
        return _false_success(provider, request)
    return _verification_call(provider, request)


def _verification_call(provider: Provider, request: Request) -> Response:
    target = _target_of(request)
    if target is None:
        raise not_found()
    number = _number_of(provider, request, target)
    _note(provider, request, target.operation, number)  # first: a test counts calls while a fault holds them
    taken = provider.faults.take(target.operation.value, number)
    asked = read_fault_header(request.headers.get(FAULT_HEADER))
    faults = (*taken.faults, *([asked] if asked else []))
    for fault in faults:
        spoiled = spoil(fault, request, None, taken.release) if fault.phase is Phase.BEFORE else None
        if spoiled:
            return spoiled
    denial = next((fault for fault in faults if fault.kind is Kind.DENIED), None)
    response = _carry_out(provider, request, target, denial)
    for fault in faults:
        spoiled = spoil(fault, request, response, taken.release) if fault.phase is Phase.AFTER else None
        response = spoiled or response
    return response


def _target_of(request: Request) -> Target | None:
    """The operation that verb and path name, or None. Raises ApiError 40001."""
    rest = request.segments[_PREFIX_SEGMENTS:]
    match request.verb, *rest:
        case ["POST"]:
            return Target(Operation.START)
        case ["PUT", ("id" | "number") as by, value]:
            return Target(Operation.REPORT, Selector(by, value))
        case ["GET", "id", value]:
            return Target(Operation.STATUS, Selector("id", value))
        case ["GET", "reference", _, *_]:
            # The Node SDK sends a reference with a slash as two segments.
            return Target(Operation.STATUS, Selector("reference", "/".join(rest[1:])))
        case ["GET", method, "number", value]:
            return Target(Operation.STATUS, Selector("number", value, read_method(method)))
    return None


def _number_of(provider: Provider, request: Request, target: Target) -> str | None:
    """The number that a call is about, as far as it is known before the call is checked."""
    try:
        if target.selector is None:
            return parse_number(section_of(read_object(request.body), "identity").get("endpoint"))[0]
        if target.selector.by == "number":
            return parse_number(target.selector.value)[0]
    except ApiError:
        return None
    verification = target.selector.find(provider)
    return verification.number if verification else None


def _note(provider: Provider, request: Request, operation: Operation, number: str | None) -> None:
    has_credentials = "authorization" in request.headers
    provider.calls.add(Call(operation, number, provider.clock.now(), request.verb, request.path, has_credentials))


_Handler = Callable[[Provider, Request, Target, Level, Fault | None], Response]


def _carry_out(provider: Provider, request: Request, target: Target, denial: Fault | None) -> Response:
    try:
        # Faults of the phase `before` came earlier, since trouble on the line knows no credentials.
        level = authorize(request, provider.settings, provider.clock)
        provider.check_rate()
        return _HANDLERS[target.operation](provider, request, target, level, denial)
    except ApiError as error:
        return error.response()  # not raised: a fault of the phase `after` spoils errors too


def _start(provider: Provider, request: Request, _: Target, level: Level, denial: Fault | None) -> Response:
    if level is Level.PUBLIC and not provider.callbacks.url:
        raise ApiError(40303, "Callback URL must be set when using public authorization method.")
    wanted = read_start(request.body, with_options=level > Level.PUBLIC)
    verification = start(provider, wanted, request.headers.get("accept-language"), denial)
    headers = {**_NO_CACHE, "Content-Language": verification.language}
    return Response.of(start_response(verification, request.base_url), headers=headers)


def _report(provider: Provider, request: Request, target: Target, _: Level, denial: Fault | None) -> Response:
    selector = _selector(target)
    reported = read_report(request.body)
    if denial:
        deny_pending(provider, selector)
        verification = selector.find(provider)
        if verification and verification.status is Status.DENIED:
            return Response.of(report_response(verification), headers=_NO_CACHE)
    return Response.of(report_response(report(provider, selector, reported)), headers=_NO_CACHE)


def _status(provider: Provider, _: Request, target: Target, level: Level, denial: Fault | None) -> Response:
    if level is Level.PUBLIC:
        raise ApiError(40303)
    selector = _selector(target)
    if denial:
        deny_pending(provider, selector)
    with provider.store.lock:
        provider.expire_due()
        verification = selector.find(provider)
        if verification is None or not _can_be_looked_up(provider, selector, verification.started_at):
            raise not_found()
        document = status_response(verification, provider.settings, provider.clock.now())
        return Response.of(document, headers=_NO_CACHE)


def _can_be_looked_up(provider: Provider, selector: Selector, started_at: datetime) -> bool:
    """Status by number works for a limited time, which Sinch does not publish."""
    limit = provider.settings.number_lookup_seconds
    return not limit or selector.by != "number" or provider.clock.now() - started_at <= timedelta(seconds=limit)


def _selector(target: Target) -> Selector:
    if target.selector is None:
        raise not_found()
    return target.selector


_HANDLERS: dict[Operation, _Handler] = {
    Operation.START: _start,
    Operation.REPORT: _report,
    Operation.STATUS: _status,
}


def _false_success(provider: Provider, request: Request) -> Response:
    """The success that a client meets if it follows a redirect fault. No client should believe it."""
    _note(provider, request, Operation.REDIRECTED, None)
    return Response.of({"id": request.segments[-1], "method": "sms", "status": "SUCCESSFUL"})


def _open_seamless(provider: Provider, request: Request) -> Response:
    """`GET` of a targetUri, by the phone itself: a redirect, as from a carrier, then the result."""
    match request.verb, *request.segments[_SEAMLESS_SEGMENTS:]:
        case ["GET", token]:
            return Response(302, b"", {"Location": f"{request.base_url}{SEAMLESS_PATH}/{token}/result"})
        case ["GET", token, "result"]:
            known = provider.store.by_token(token)
            _note(provider, request, Operation.SEAMLESS, known.number if known else None)
            verification = open_seamless(provider, token)
            if verification:
                return Response.of(report_response(verification))
    raise not_found()
