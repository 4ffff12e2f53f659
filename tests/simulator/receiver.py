"""A small real HTTP server that stands where an application takes Sinch's callbacks."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.waiting import PATIENCE_SECONDS

ALLOW = b'{"action":"allow"}'


@dataclass
class Received:
    """One callback, byte for byte."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What came, and what is answered to a request event; everything else gets an empty 200.

    While `gate` is cleared nothing is answered.
    """

    url: str = ""
    status: int = 200
    body: bytes = ALLOW
    failures: int = 0
    gate: threading.Event = field(default_factory=threading.Event)
    came: list[Received] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def has_received(self, count: int) -> bool:
        """Wait until so many callbacks have come; returns whether it was exactly that many."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.came) >= count, PATIENCE_SECONDS)
        return len(self.came) == count

    def reply(self, received: Received) -> tuple[int, bytes]:
        with self.changed:
            self.came.append(received)
            self.changed.notify_all()
        self.gate.wait(PATIENCE_SECONDS)
        if self.failures:
            self.failures -= 1
            return 500, b""
        is_question = b"VerificationRequestEvent" in received.body
        return (self.status, self.body) if is_question else (200, b"")


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port, at a path of its own."""
    receiver = Receiver()
    receiver.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = receiver.reply(Received(self.path, headers, body))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            pass  # a sender that gave up waiting

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/hooks/sinch?tenant=1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield receiver
        receiver.gate.set()
        server.shutdown()
        thread.join()
