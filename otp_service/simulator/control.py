"""The simulator's own side: the inbox, faults, the clock, the invoice."""

from collections.abc import Callable
from typing import Any

from otp_service.simulator.clock import iso_utc
from otp_service.simulator.errors import invalid_parameter
from otp_service.simulator.exchange import Reply, Request
from otp_service.simulator.fault_request import document_of, fault_from_document
from otp_service.simulator.inbox import message_document, wanted_number
from otp_service.simulator.inbox_page import ASSETS, asset, front_door, inbox_page
from otp_service.simulator.invoice import invoice_csv
from otp_service.simulator.order import read_object
from otp_service.simulator.provider import Provider

LONGEST_SKIP_SECONDS = 366 * 86_400
_FRESH = {"Cache-Control": "no-store"}


def inbox_json(provider: Provider, request: Request) -> Reply:
    """`GET /inbox.json?to=`: what phones received, newest first."""
    messages = provider.store.inbox(wanted_number(request))
    return Reply.of({"messages": [message_document(message) for message in messages]}, headers=_FRESH)


def clear_inbox(provider: Provider, _: Request) -> Reply:
    """`DELETE /inbox`."""
    provider.store.clear_inbox()
    return Reply(204)


def list_faults(provider: Provider, _: Request) -> Reply:
    """`GET /simulator/faults`: those that are set."""
    return Reply.of({"faults": [document_of(fault) for fault in provider.faults.all()]}, headers=_FRESH)


def set_fault(provider: Provider, request: Request) -> Reply:
    """`PUT /simulator/faults`: sets one more; answers all that are set."""
    provider.faults.add(fault_from_document(read_object(request.body)))
    return list_faults(provider, request)


def clear_faults(provider: Provider, _: Request) -> Reply:
    """`DELETE /simulator/faults`: unsets all, and lets go on the calls that they hold."""
    provider.faults.clear()
    return Reply(204)


def advance_clock(provider: Provider, request: Request) -> Reply:
    """`PUT /simulator/clock`: skips time."""
    seconds: Any = read_object(request.body).get("advanceSeconds")
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not 0 <= seconds <= LONGEST_SKIP_SECONDS:
        raise invalid_parameter(f"advanceSeconds must be a number from 0 to {LONGEST_SKIP_SECONDS}.")
    provider.advance(seconds)
    return Reply.of({"now": iso_utc(provider.clock.now()), "advancedSeconds": provider.clock.skipped_seconds})


def invoice(provider: Provider, _: Request) -> Reply:
    """`GET /simulator/invoice.csv`: what is billed, oldest first."""
    return Reply(200, invoice_csv(provider.store).encode(), {"Content-Type": "text/csv; charset=utf-8", **_FRESH})


def list_calls(provider: Provider, _: Request) -> Reply:
    """`GET /simulator/calls`: how many provider calls of each kind arrived, and the calls, oldest first."""
    calls = [
        {"operation": call.operation.value, "number": call.number, "at": iso_utc(call.at), "verb": call.verb,
         "path": call.path}
        for call in provider.calls.all()
    ]  # fmt: skip
    return Reply.of({"counts": provider.calls.counts(), "calls": calls}, headers=_FRESH)


def clear_calls(provider: Provider, _: Request) -> Reply:
    """`DELETE /simulator/calls`."""
    provider.calls.clear()
    return Reply(204)


ROUTES: dict[tuple[str, str], Callable[[Provider, Request], Reply]] = {
    ("GET", "/"): front_door,
    ("GET", "/inbox"): inbox_page,
    **{("GET", path): asset for path in ASSETS},
    ("GET", "/inbox.json"): inbox_json,
    ("DELETE", "/inbox"): clear_inbox,
    ("GET", "/simulator/faults"): list_faults,
    ("PUT", "/simulator/faults"): set_fault,
    ("DELETE", "/simulator/faults"): clear_faults,
    ("PUT", "/simulator/clock"): advance_clock,
    ("GET", "/simulator/invoice.csv"): invoice,
    ("GET", "/simulator/calls"): list_calls,
    ("DELETE", "/simulator/calls"): clear_calls,
}
