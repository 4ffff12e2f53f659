"""Finds loopback ports for servers that cannot pick one themselves."""

import socket
import time

HOST = "127.0.0.1"


def free_port() -> int:
    """A port that nothing listens on now; start the server soon, nothing reserves it."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def is_open(port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until_closed(port: int, *, within_seconds: float = 10) -> None:
    """Return once nothing accepts connections there. Raises TimeoutError."""
    deadline = time.monotonic() + within_seconds
    while is_open(port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"port {port} is still open after {within_seconds} s")
        time.sleep(0.01)
