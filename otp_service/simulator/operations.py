"""The provider's side over HTTP: which operation a path names, and carrying it out with its faults."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from otp_service.simulator.answers import VERIFICATIONS_PATH, report_answer, start_answer, status_answer
from otp_service.simulator.authorization import Level, authorize
from otp_service.simulator.calls import Call, Operation
from otp_service.simulator.errors import SinchError, not_found
from otp_service.simulator.exchange import Reply, Request
from otp_service.simulator.fault_request import fault_from_header
from otp_service.simulator.faults import Fault, Kind, Phase
from otp_service.simulator.numbers import parse_number
from otp_service.simulator.order import read_method, read_object, read_order, section_of
from otp_service.simulator.provider import Provider
from otp_service.simulator.report import Selector, read_claim, report
from otp_service.simulator.spoiling import spoil
from otp_service.simulator.start import start
from otp_service.simulator.verification import Reason, Status

_PREFIX_SEGMENTS = VERIFICATIONS_PATH.strip("/").count("/") + 1
_NO_CACHE = {"Expires": "-1"}


@dataclass(frozen=True)
class Target:
    """What a provider call asks for, and of which verification."""

    operation: Operation
    selector: Selector | None = None


def target_of(request: Request) -> Target | None:
    """The operation that verb and path name; None where Sinch has none. Raises SinchError 40001."""
    rest = request.segments[_PREFIX_SEGMENTS:]
    match request.verb, *rest:
        case ["POST"]:
            return Target(Operation.START)
        case ["PUT", ("id" | "number") as by, value]:
            return Target(Operation.REPORT, Selector(by, value))
        case ["GET", "id", value]:
            return Target(Operation.STATUS, Selector("id", value))
        case ["GET", "reference", _, *_]:
            return Target(Operation.STATUS, Selector("reference", "/".join(rest[1:])))
        case ["GET", method, "number", value]:
            return Target(Operation.STATUS, Selector("number", value, read_method(method)))
    return None


def answer_provider_call(provider: Provider, request: Request) -> Reply:
    """Answer a call under `/verification/v1/verifications`. Raises SinchError for answers that are not success."""
    target = target_of(request)
    if target is None:
        raise not_found()
    number = _number_of(provider, request, target)
    provider.calls.add(
        Call(target.operation, number, provider.clock.now(), request.verb, request.path,
             "authorization" in request.headers)
    )  # fmt: skip
    taken = provider.faults.take(target.operation.value, number)
    asked = fault_from_header(request)
    faults = (*taken.faults, *([asked] if asked else []))
    for fault in faults:
        spoiled = spoil(fault, request, None, taken.release) if fault.phase is Phase.BEFORE else None
        if spoiled:
            return spoiled
    denial = next((fault for fault in faults if fault.kind is Kind.DENIED), None)
    reply = _carried_out(provider, request, target, denial)
    for fault in faults:
        spoiled = spoil(fault, request, reply, taken.release) if fault.phase is Phase.AFTER else None
        reply = spoiled or reply
    return reply


def _number_of(provider: Provider, request: Request, target: Target) -> str | None:
    """The number a call is about, as far as it can be told before the call is checked."""
    try:
        if target.selector is None:
            return parse_number(section_of(read_object(request.body), "identity").get("endpoint"))[0]
        if target.selector.by == "number":
            return parse_number(target.selector.value)[0]
    except SinchError:
        return None
    verification = target.selector.find(provider)
    return verification.number if verification else None


_Handler = Callable[[Provider, Request, Target, Level, Fault | None], Reply]


def _carried_out(provider: Provider, request: Request, target: Target, denial: Fault | None) -> Reply:
    try:
        level = authorize(request, provider.settings, provider.clock)
        provider.check_rate()
        return _HANDLERS[target.operation](provider, request, target, level, denial)
    except SinchError as error:
        return error.reply()


def _start(provider: Provider, request: Request, _: Target, level: Level, denial: Fault | None) -> Reply:
    if level is Level.PUBLIC and not provider.callbacks.url:
        raise SinchError(40303, "Callback URL must be set when using public authorization method.")
    order = read_order(request.body, with_options=level > Level.PUBLIC)
    verification = start(provider, order, request.headers.get("accept-language"), denial)
    headers = {**_NO_CACHE, "Content-Language": verification.language}
    return Reply.of(start_answer(verification, request.base_url), headers=headers)


def _report(provider: Provider, request: Request, target: Target, _: Level, denial: Fault | None) -> Reply:
    selector = _selector(target)
    claim = read_claim(request.body)
    if denial:
        _deny(provider, selector)
        verification = selector.find(provider)
        if verification and verification.status is Status.DENIED:
            return Reply.of(report_answer(verification), headers=_NO_CACHE)
    return Reply.of(report_answer(report(provider, selector, claim)), headers=_NO_CACHE)


def _status(provider: Provider, _: Request, target: Target, level: Level, denial: Fault | None) -> Reply:
    if level is Level.PUBLIC:
        raise SinchError(40303)
    selector = _selector(target)
    if denial:
        _deny(provider, selector)
    with provider.store.lock:
        provider.expire_due()
        verification = selector.find(provider)
        if verification is None or not _can_be_looked_up(provider, selector, verification.started_at):
            raise not_found()
        return Reply.of(status_answer(provider, verification), headers=_NO_CACHE)


def _can_be_looked_up(provider: Provider, selector: Selector, started_at: datetime) -> bool:
    """Status by number works for a while only; how long is not published."""
    limit = provider.settings.number_lookup_seconds
    return not limit or selector.by != "number" or provider.clock.now() - started_at <= timedelta(seconds=limit)


def _selector(target: Target) -> Selector:
    if target.selector is None:
        raise not_found()
    return target.selector


def _deny(provider: Provider, selector: Selector) -> None:
    """Let a pending verification turn out fraudulent."""
    with provider.store.lock:
        provider.expire_due()
        verification = selector.find(provider)
        if verification and verification.status is Status.PENDING:
            provider.end(verification, Status.DENIED, Reason.FRAUD)


_HANDLERS: dict[Operation, _Handler] = {
    Operation.START: _start,
    Operation.REPORT: _report,
    Operation.STATUS: _status,
}
