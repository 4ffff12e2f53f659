"""Finds loopback ports for servers that cannot pick one themselves."""

import socket

from tests.waiting import wait_until

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


def wait_until_closed(port: int) -> None:
    """Return once nothing accepts connections there."""
    wait_until(lambda: not is_open(port), otherwise=lambda: f"port {port} is still open")
