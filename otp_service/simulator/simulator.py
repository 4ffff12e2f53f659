"""A handle on a running simulator, for tests and the command line."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from otp_service.simulator.http.server import SimulatorServer
from otp_service.simulator.inbox import message_document
from otp_service.simulator.provider.billing import InvoiceLine, invoice_lines
from otp_service.simulator.provider.faults import read_fault
from otp_service.simulator.provider.provider import Provider
from otp_service.simulator.provider.store import Call
from otp_service.simulator.routes import respond
from otp_service.simulator.settings import SimulatorSettings


class Simulator:
    """A simulator that serves in a thread of this process."""

    def __init__(self, settings: SimulatorSettings) -> None:
        """Raises OSError if the port is taken, ValueError for a state file that cannot be used."""
        self.settings = settings
        self._provider = Provider(settings)
        try:
            self._server = SimulatorServer((settings.host, settings.port), partial(respond, self._provider))
        except OSError:
            self._provider.close()
            raise
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True, name="sinch-simulator")
        self._thread.start()

    @property
    def base_url(self) -> str:
        """`http://host:port`, without a path."""
        return self._server.base_url

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.server_port

    @property
    def calls(self) -> list[Call]:
        """The provider calls that arrived, oldest first, refused ones included."""
        return self._provider.calls.all()

    def count(self, operation: str, number: str | None = None) -> int:
        """Return how many provider calls of an operation arrived, in total or for a number."""
        return sum(call.operation == operation and number in (None, call.number) for call in self.calls)

    def clear_calls(self) -> None:
        """Forget the calls."""
        self._provider.calls.clear()

    def inbox(self, to: str | None = None) -> list[dict[str, Any]]:
        """Return the messages of one phone or of all, newest first, as in /inbox.json."""
        return [message_document(message) for message in self._provider.store.inbox(to)]

    def clear_inbox(self) -> None:
        """Remove the messages of every phone."""
        self._provider.store.clear_inbox()

    def set_fault(  # noqa: PLR0913 - the fields of a fault
        self,
        kind: str,
        operation: str = "any",
        *,
        number: str | None = None,
        seconds: float | None = None,
        status_code: int | None = None,
        times: int | None = None,
        phase: str | None = None,
    ) -> None:
        """Set a fault, as PUT /simulator/faults does. Raises ApiError for an invalid one."""
        document = {
            "kind": kind,
            "operation": operation,
            "number": number,
            "seconds": seconds,
            "statusCode": status_code,
            "times": times,
            "phase": phase,
        }
        self._provider.faults.add(read_fault(document))

    def clear_faults(self) -> None:
        """Unset every fault. Calls that one of them holds go on at once."""
        self._provider.faults.clear()

    def advance(self, seconds: float) -> None:
        """Skip time. What expires by it is expired when this returns."""
        self._provider.advance(seconds)

    def invoice(self) -> list[InvoiceLine]:
        """Return the billed verifications, oldest first, with exact decimal prices."""
        return invoice_lines(self._provider.store)

    def send_callbacks_to(self, url: str | None) -> None:
        """Post events to `url` from now on, for receivers whose port is known late. None stops that."""
        self._provider.callbacks.send_to(url)

    def wait_for_callbacks(self, timeout_seconds: float = 60.0) -> bool:
        """Wait until every event is posted or given up. Returns False if that took too long."""
        return self._provider.callbacks.wait(timeout_seconds)

    def stop(self) -> None:
        """Stop serving, close every connection and the state file. A second call has no effect."""
        if self._thread.is_alive():
            self._server.stop(release_held_calls=self._provider.faults.clear)
            self._thread.join()
            self._provider.close()


@contextmanager
def running(settings: SimulatorSettings) -> Iterator[Simulator]:
    """Run a simulator for the length of a `with` block. Raises OSError if the port is taken."""
    simulator = Simulator(settings)
    try:
        yield simulator
    finally:
        simulator.stop()
