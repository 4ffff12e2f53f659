"""Tells whether the caller of a request is still connected, for work that would be wasted on one who hung up."""

import select
from collections.abc import Callable

from flask import has_request_context, request

_HUNG_UP = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


def is_connected() -> Callable[[], bool]:
    """Return a function, for any thread, that says whether the current request's caller is still connected.

    A caller that closed its side counts as gone, as it does for most proxies. Where the server shows no socket, every
    caller counts as connected.
    """
    socket = request.environ.get("gunicorn.socket") if has_request_context() else None
    if socket is None:
        return lambda: True
    poll = select.poll()
    poll.register(socket.fileno(), _HUNG_UP)
    return lambda: not poll.poll(0)
