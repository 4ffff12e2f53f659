"""A real receiver of events on loopback: keeps what it got, and responds as it is asked to."""

import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.waiting import PATIENCE_SECONDS


@dataclass(frozen=True)
class Got:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body, parsed."""
        return dict(json.loads(self.body))

    @property
    def id(self) -> str:
        """The `webhook-id`."""
        return self.headers["webhook-id"]

    @property
    def type(self) -> str:
        """The type of the event."""
        return str(self.json["type"])


@dataclass
class Receiver:
    """`status`, `headers` and `body` are what it responds. While `gate` is closed, no POST gets a response."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"thanks"
    requests: list[Got] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    on_request: Callable[[Got], None] = lambda got: None
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        self.gate.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where events go."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self._server.server_port}/events"

    @property
    def events(self) -> list[Got]:
        """The events that arrived."""
        return [got for got in self.requests if got.method == "POST"]

    @property
    def types(self) -> list[str]:
        """The types of the events that arrived, in order."""
        return [got.type for got in self.events]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self._take()
                receiver.gate.wait(PATIENCE_SECONDS)
                self._respond(receiver.body)

            def do_HEAD(self) -> None:
                self._take()
                self._respond(b"")

            def _take(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                got = Got(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                receiver.on_request(got)
                receiver.requests.append(got)

            def _respond(self, body: bytes) -> None:
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler
