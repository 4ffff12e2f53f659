"""Every path of the simulator: Sinch's API first, then its own side (inbox, faults, clock, gateway, captcha)."""

import logging
from collections.abc import Callable
from typing import Any

from otp_service.simulator import captcha_api, gateway_api
from otp_service.simulator.clock import iso_utc
from otp_service.simulator.http.errors import ApiError, invalid_parameter, not_found
from otp_service.simulator.http.request_response import Request, Response
from otp_service.simulator.inbox import ASSETS, HEADERS, asset, inbox_page, message_document
from otp_service.simulator.provider.billing import invoice_csv
from otp_service.simulator.provider.faults import fault_document, read_fault
from otp_service.simulator.provider.provider import Provider
from otp_service.simulator.provider.request_bodies import read_object, without_separators
from otp_service.simulator.sinch_api import respond_to_provider_call, serves

LONGEST_SKIP_SECONDS = 366 * 86_400
_NO_STORE = {"Cache-Control": "no-store"}

logger = logging.getLogger(__name__)


def respond(provider: Provider, request: Request) -> Response:
    """Return the response to any request. Never raises."""
    try:
        return _respond(provider, request)
    except ApiError as error:
        return error.response()
    except Exception:
        logger.exception("The simulator failed on %s", request.verb)
        return ApiError(50000).response()


def _respond(provider: Provider, request: Request) -> Response:
    path = request.raw_path
    if serves(path):
        return respond_to_provider_call(provider, request)
    route = ROUTES.get((request.verb, path))
    if route:
        return route(provider, request)
    if any(path == known for _, known in ROUTES):
        allowed = ", ".join(sorted(verb for verb, known in ROUTES if known == path))
        return Response.of({"errorCode": 40500, "message": f"Use {allowed}."}, 405, {"Allow": allowed})
    raise not_found()


def _front_door(_: Provider, __: Request) -> Response:
    """`GET /`: people who come here want the inbox."""
    return Response(302, b"", {"Location": "/inbox"})


def _inbox_page(provider: Provider, request: Request) -> Response:
    """`GET /inbox?to=`: the page for people."""
    page = inbox_page(provider.store, _wanted_number(request), request.base_url)
    return Response(200, page.encode(), {**HEADERS, "Content-Type": "text/html; charset=utf-8"})


def _asset(_: Provider, request: Request) -> Response:
    """`GET /inbox.css` and `/inbox.js`."""
    return Response(200, asset(request.raw_path), {**HEADERS, "Content-Type": ASSETS[request.raw_path]})


def _inbox_json(provider: Provider, request: Request) -> Response:
    """`GET /inbox.json?to=`: the messages for programs, newest first."""
    messages = provider.store.inbox(_wanted_number(request))
    return Response.of({"messages": [message_document(message) for message in messages]}, headers=_NO_STORE)


def _wanted_number(request: Request) -> str | None:
    """The number in `?to=`. It may lack the `+`, which a query turns into a space."""
    text = request.query("to")
    if not text:
        return None
    number = without_separators(text)
    return number if number.startswith("+") else f"+{number}"


def _clear_inbox(provider: Provider, _: Request) -> Response:
    """`DELETE /inbox`."""
    provider.store.clear_inbox()
    return Response(204)


def _list_faults(provider: Provider, _: Request) -> Response:
    """`GET /simulator/faults`: those that are set."""
    return Response.of({"faults": [fault_document(fault) for fault in provider.faults.all()]}, headers=_NO_STORE)


def _set_fault(provider: Provider, request: Request) -> Response:
    """`PUT /simulator/faults`: sets one more and returns all that are set."""
    provider.faults.add(read_fault(read_object(request.body)))
    return _list_faults(provider, request)


def _clear_faults(provider: Provider, _: Request) -> Response:
    """`DELETE /simulator/faults`: unsets all and releases the calls that they hold."""
    provider.faults.clear()
    return Response(204)


def _advance_clock(provider: Provider, request: Request) -> Response:
    """`PUT /simulator/clock`: skips time."""
    seconds: Any = read_object(request.body).get("advanceSeconds")
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not 0 <= seconds <= LONGEST_SKIP_SECONDS:
        raise invalid_parameter(f"advanceSeconds must be a number from 0 to {LONGEST_SKIP_SECONDS}.")
    provider.advance(seconds)
    return Response.of({"now": iso_utc(provider.clock.now()), "advancedSeconds": provider.clock.skipped_seconds})


def _invoice(provider: Provider, _: Request) -> Response:
    """`GET /simulator/invoice.csv`: the billed verifications, oldest first."""
    headers = {"Content-Type": "text/csv; charset=utf-8", **_NO_STORE}
    return Response(200, invoice_csv(provider.store).encode(), headers)


def _list_calls(provider: Provider, _: Request) -> Response:
    """`GET /simulator/calls`: the counts of provider calls by operation, and the calls, oldest first."""
    calls = [
        {"operation": call.operation.value, "number": call.number, "at": iso_utc(call.at), "verb": call.verb,
         "path": call.path}
        for call in provider.calls.all()
    ]  # fmt: skip
    return Response.of({"counts": provider.calls.counts(), "calls": calls}, headers=_NO_STORE)


def _clear_calls(provider: Provider, _: Request) -> Response:
    """`DELETE /simulator/calls`."""
    provider.calls.clear()
    return Response(204)


ROUTES: dict[tuple[str, str], Callable[[Provider, Request], Response]] = {
    ("GET", "/"): _front_door,
    ("GET", "/inbox"): _inbox_page,
    **{("GET", path): _asset for path in ASSETS},
    ("GET", "/inbox.json"): _inbox_json,
    ("DELETE", "/inbox"): _clear_inbox,
    ("GET", "/simulator/faults"): _list_faults,
    ("PUT", "/simulator/faults"): _set_fault,
    ("DELETE", "/simulator/faults"): _clear_faults,
    ("PUT", "/simulator/clock"): _advance_clock,
    ("GET", "/simulator/invoice.csv"): _invoice,
    ("GET", "/simulator/calls"): _list_calls,
    ("DELETE", "/simulator/calls"): _clear_calls,
    ("POST", gateway_api.PATH): gateway_api.respond_to_message,
    ("POST", captcha_api.PATH): captcha_api.respond_to_token,
}
