"""Finds loopback ports for servers that cannot pick one themselves."""

import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from pathlib import Path
from typing import IO

from tests.waiting import wait_until

HOST = "127.0.0.1"
PORTS = range(20_000, 32_000)  # below the range from which Linux takes the ports of outgoing connections

_taken: set[int] = set()


def free_port() -> int:
    """Return a port that no other test takes while this process lives.

    A port that the system chose and took back could go to the next connection, before the server listens on it.
    """
    while True:
        port = random.choice(PORTS)
        if port not in _taken and _is_unused(port) and _is_lockable(port):
            _taken.add(port)
            return port


def _is_unused(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _is_lockable(port: int) -> bool:
    """Lock one byte of a file that all test processes share. The lock goes with this process."""
    try:
        fcntl.lockf(_lock_file(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@cache
def _lock_file() -> IO[bytes]:
    """Open for good: closing any descriptor of the file would drop this process's locks."""
    return (Path(tempfile.gettempdir()) / f"otp-test-ports-{os.getuid()}").open("ab")


def is_open(port: int) -> bool:
    """Return whether something accepts connections there."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until_closed(port: int) -> None:
    """Return once nothing accepts connections there."""
    wait_until(lambda: not is_open(port), otherwise=lambda: f"port {port} is still open")
