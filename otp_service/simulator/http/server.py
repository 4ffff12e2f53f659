"""The socket: HTTP/1.1 with persistent connections, and the ways in which a connection can fail."""

import contextlib
import logging
import os
import re
import socket
import struct
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from otp_service.simulator.http.errors import ApiError
from otp_service.simulator.http.request_response import Request, Response, Wire

BODY_MAX_BYTES = 64 * 1024
JOIN_SECONDS = 5.0
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:]+\](:\d{1,5})?")

logger = logging.getLogger(__name__)


class SimulatorServer(ThreadingHTTPServer):
    """Serves each connection in a thread. Stopping it closes the connections and waits for their threads."""

    daemon_threads = True
    request_queue_size = 256  # tests connect from many threads at once, which the default of 5 would slow down

    def __init__(self, address: tuple[str, int], respond: Callable[[Request], Response]) -> None:
        """Listen on `address`. `respond` must not raise. Raises OSError if the port is taken."""
        self.respond = respond
        self._connections: dict[Any, threading.Thread] = {}
        self._connections_lock = threading.Lock()
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        self.base_url = f"http://{host}:{self.server_address[1]}"

    def server_bind(self) -> None:
        """Bind without the base class's look-up of the host's name, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in its own thread, which is remembered until the connection closes."""
        arguments = (request, client_address)
        thread = threading.Thread(target=self.process_request_thread, args=arguments, daemon=True)
        with self._connections_lock:
            self._connections[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection and forget it."""
        super().shutdown_request(request)
        with self._connections_lock:
            self._connections.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class's
        """Log what failed, except for a client that hung up."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            logger.error("A connection to the simulator failed: %r", error)

    def stop(self, release_held_calls: Callable[[], None]) -> None:
        """Accept no more connections, release the calls that faults hold, close every connection."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes the loop, which otherwise looks up twice a second
        self.shutdown()
        release_held_calls()
        with self._connections_lock:
            open_now = list(self._connections.items())
        for connection, _ in open_now:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for _, thread in open_now:
            thread.join(JOIN_SECONDS)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Parses a request, gets its response, and writes as much of it as its fault allows."""

    protocol_version = "HTTP/1.1"
    server_version = "sinch-simulator"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1  # unbuffered, each header line would be a packet of its own, and Nagle costs 40 ms a call
    timeout = 120.0  # for a client that keeps a connection open without using it
    server: SimulatorServer

    def _serve(self) -> None:
        body = self._body()
        if isinstance(body, Response):
            self.close_connection = True  # the unread body would be taken for the next request
            self._write(body)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        host = headers.get("host", "")
        # Links name the host that the client called, which may be a container's name. An odd one could inject HTML.
        base_url = f"http://{host}" if _HOST.fullmatch(host) else self.server.base_url
        self._write(self.server.respond(Request(self.command, self.path, headers, body, base_url)))

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _serve  # noqa: N815 - the base class's names

    def _body(self) -> bytes | Response:
        """The body, or the error response for one that cannot be read."""
        if self.headers.get("Transfer-Encoding"):
            return ApiError(40001, "Send the body with a Content-Length.").response()
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > BODY_MAX_BYTES:
            return ApiError(40001, f"A body may have at most {BODY_MAX_BYTES} bytes.").response()
        return self.rfile.read(int(length))

    def _write(self, response: Response) -> None:
        if response.wire in (Wire.RESET, Wire.SILENT):
            self.close_connection = True
            if response.wire is Wire.RESET:
                self._reset()
            return
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status != 204:  # noqa: PLR2004 - No Content
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        body = b"" if self.command == "HEAD" else response.body
        if response.wire is Wire.HALF:
            self.close_connection = True
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def _reset(self) -> None:
        """Close with RST. A plain close would send FIN, an end in good order."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Send the base class's own errors in Sinch's form."""
        self.close_connection = True
        self.command = self.command or "GET"
        self.request_version = self.request_version or self.protocol_version
        number = 50100 if code == 501 else 40001  # noqa: PLR2004 - Not Implemented
        self._write(ApiError(number, message).response())

    def log_message(self, *_: Any) -> None:
        """Log no requests: /simulator/calls lists them."""
