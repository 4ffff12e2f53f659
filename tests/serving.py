"""A server on a real socket, in a thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import TCPServer

from flask import Flask
from werkzeug.serving import make_server

POLL_SECONDS = 0.02
"""How often a server looks whether it shall stop; the library's own half second would be the longest part of a test."""


@contextmanager
def serving(server: TCPServer) -> Iterator[str]:
    """Serve in a thread inside the block; yields host and port."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": POLL_SECONDS})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def serving_app(app: Flask) -> Iterator[str]:
    """Serve an application on a free port; yields host and port."""
    with serving(make_server("127.0.0.1", 0, app, threaded=True)) as address:
        yield address
