"""Lets tests reach this machine only: any other address is refused before a packet leaves."""

import ipaddress
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_here = threading.local()


@contextmanager
def noticing() -> Iterator[list[tuple[Any, ...]]]:
    """Collect the addresses that Python connects to in this thread; what C libraries open stays unseen."""
    _here.addresses = []
    try:
        yield _here.addresses
    finally:
        del _here.addresses


def close_the_rest() -> None:
    """Watch every connection that Python opens (PEP 578)."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect" or not isinstance(arguments[1], tuple):
        return
    host = str(arguments[1][0])
    if host != "localhost" and not ipaddress.ip_address(host.partition("%")[0]).is_loopback:
        raise PermissionError(f"a test tried to reach {host}")
    getattr(_here, "addresses", []).append(arguments[1])
