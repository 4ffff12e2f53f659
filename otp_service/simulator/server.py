"""The socket: HTTP/1.1 with kept connections, and the ways a connection can fail."""

import contextlib
import logging
import os
import re
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from otp_service.simulator.dispatch import answer
from otp_service.simulator.errors import SinchError
from otp_service.simulator.exchange import Reply, Request, Wire
from otp_service.simulator.provider import Provider

BODY_MAX_BYTES = 64 * 1024
JOIN_SECONDS = 5.0
POLL_SECONDS = 0.02
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:]+\](:\d{1,5})?")

logger = logging.getLogger(__name__)


class SimulatorServer(ThreadingHTTPServer):
    """A thread for each connection; stopping closes the connections and waits for their threads."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], provider: Provider) -> None:
        self.provider = provider
        self._connections: dict[Any, threading.Thread] = {}
        self._connections_lock = threading.Lock()
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        self.base_url = f"http://{host}:{self.server_address[1]}"

    def server_bind(self) -> None:
        """Bind without asking the name service who we are, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in its own thread, remembered until it is closed."""
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
        """A client that goes away is no error; the rest goes to the log."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            logger.error("A connection to the simulator failed: %r", error)

    def stop(self) -> None:
        """Accept nothing more, free every held call, close every connection."""
        self.shutdown()
        self.provider.faults.clear()
        with self._connections_lock:
            open_now = list(self._connections.items())
        for connection, _ in open_now:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for _, thread in open_now:
            thread.join(JOIN_SECONDS)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Parses a request, has it answered, and writes as much of the reply as its fault allows."""

    protocol_version = "HTTP/1.1"
    server_version = "sinch-simulator"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1  # with the default, each line of the head is a packet, and Nagle costs 40 ms a call
    timeout = 120.0
    server: SimulatorServer

    def _serve(self) -> None:
        body = self._body()
        if isinstance(body, Reply):
            self.close_connection = True
            self._write(body)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        host = headers.get("host", "")
        base_url = f"http://{host}" if _HOST.fullmatch(host) else self.server.base_url
        self._write(answer(self.server.provider, Request(self.command, self.path, headers, body, base_url)))

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _serve  # noqa: N815 - the base class's names

    def _body(self) -> bytes | Reply:
        """The body, or the refusal of one that cannot be read; after that the connection is of no use."""
        if self.headers.get("Transfer-Encoding"):
            return SinchError(40001, "Send the body with a Content-Length.").reply()
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > BODY_MAX_BYTES:
            return SinchError(40001, f"A body may have at most {BODY_MAX_BYTES} bytes.").reply()
        return self.rfile.read(int(length))

    def _write(self, reply: Reply) -> None:
        if reply.wire in (Wire.RESET, Wire.SILENT):
            self.close_connection = True
            if reply.wire is Wire.RESET:
                self._reset()
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 204:  # noqa: PLR2004 - No Content
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        body = b"" if self.command == "HEAD" else reply.body
        if reply.wire is Wire.HALF:
            self.close_connection = True
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def _reset(self) -> None:
        """Close at once with RST; a plain close would be a polite FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """What the base class refuses is refused in Sinch's form."""
        self.close_connection = True
        self.command = self.command or "GET"
        self.request_version = self.request_version or self.protocol_version
        number = 50100 if code == 501 else 40001  # noqa: PLR2004 - Not Implemented
        self._write(SinchError(number, message).reply())

    def log_message(self, *_: Any) -> None:
        """Nothing for each request: the inbox and /simulator/calls tell what came."""
