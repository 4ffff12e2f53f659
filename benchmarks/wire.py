"""A client that costs little: HTTP/1.1 on one kept socket, for answers that have a Content-Length."""

import json
import socket
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

HOST = "127.0.0.1"
ANSWER_SECONDS = 30
RETRIES = 60
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class UnexpectedAnswer(Exception):
    """The response differs from what the benchmark expects, so the measurements cannot be trusted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, the head as it came, and the body."""

    status: int
    head: bytes
    body: bytes

    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    def expect(self, *statuses: int) -> Any:
        """The body, read. Raises UnexpectedAnswer for any other status."""
        if self.status not in statuses:
            raise UnexpectedAnswer(f"expected {statuses}, got {self.status}: {self.body[:500]!r}")
        return self.json()

    def is_overload(self) -> bool:
        """Whether the service has too many password hashes to do. Raises UnexpectedAnswer for another 503."""
        if self.status == 503 and (b'"overloaded"' not in self.body or self.retry_after_seconds < 1):
            raise UnexpectedAnswer(f"a 503 without `overloaded` and Retry-After: {self.body[:500]!r}")
        return self.status == 503

    @property
    def retry_after_seconds(self) -> int:
        """What Retry-After says, 0 without one."""
        return _number_after(self.head, b"retry-after:")


class Connection:
    """One client's kept connection to a port of this machine; opened at the first request."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def get(self, path: str, *, token: str | None = None) -> Answer:
        """GET."""
        return self.ask(request("GET", path, token=token))

    def post(self, path: str, body: dict[str, Any]) -> Answer:
        """POST a JSON body."""
        return self.ask(request("POST", path, body=body))

    def ask(self, raw: bytes) -> Answer:
        """Send a whole request and read its whole answer. Raises OSError, UnexpectedAnswer."""
        if self._socket is None:
            self._socket = connect(self._port)
        self._socket.sendall(raw)
        received = b""
        while (answer := parse(received)) is None:
            piece = self._socket.recv(65_536)
            if not piece:
                raise UnexpectedAnswer(f"the connection was closed after {received[:200]!r}")
            received += piece
        return answer

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


def connect(port: int) -> socket.socket:
    """A new connection; small packets leave at once."""
    made = socket.create_connection((HOST, port), timeout=ANSWER_SECONDS)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def request(method: str, path: str, *, body: dict[str, Any] | None = None, token: str | None = None) -> bytes:
    """The bytes of a request that keeps the connection."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", "User-Agent: benchmark", "Accept: */*"]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    content = b"" if body is None else json.dumps(body).encode()
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


def parse(received: bytes) -> Answer | None:
    """The answer, once all of it is there."""
    end = received.find(_HEAD_END)
    if end < 0:
        return None
    head = received[: end + 2].lower()
    start = end + len(_HEAD_END)
    if len(received) < start + _number_after(head, _LENGTH):
        return None
    return Answer(int(received[9:12]), head, received[start:])


def patiently(connection: Connection, raw: bytes) -> tuple[Answer, int]:
    """Ask, and ask again after Retry-After as long as the service is overloaded; the last answer and the retries."""
    for retries in range(RETRIES):
        answer = connection.ask(raw)
        if not answer.is_overload():
            return answer, retries
        time.sleep(answer.retry_after_seconds)
    raise UnexpectedAnswer(f"overloaded {RETRIES} times in a row")


def _number_after(head: bytes, name: bytes) -> int:
    at = head.find(name)
    return int(head[at + len(name) : head.index(b"\r\n", at)]) if at >= 0 else 0
