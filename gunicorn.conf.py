"""How gunicorn serves `wsgi:app`: its settings come from the environment and `.env`, as the service's own do."""

import os
import sys
import threading
from functools import partial
from threading import Timer
from typing import Any

from click import ClickException
from gunicorn import util
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn, ThreadWorker

from config import Config, ConfigError
from otp_service.config import environment
from otp_service.config.reader import Reader
from otp_service.config.server import read_host
from otp_service.core.logging import JsonFormatter, TextFormatter
from otp_service.core.services import services_of
from otp_service.core.web import draining, server_errors
from otp_service.core.web.held_responses import Gate, Outlet
from otp_service.core.web.slow_requests import Watch

_config = Config.load()
_read = Reader(environment())
_host = read_host(_read)
_port = _read.integer("PORT", default=8000, low=1, high=65_535)


class ServiceLogger(Logger):
    """Gunicorn's own lines, in the form of the service's log."""

    def setup(self, cfg: Any) -> None:
        """Set the format, at the start and at each reload of the settings."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(JsonFormatter() if _config.server.log_format == "json" else TextFormatter())


def _write_error(connection: Any, status: int, _reason: str, _message: str) -> None:
    """Reject a request that gunicorn cannot read, in our form. gunicorn has no setting for it, and writes HTML."""
    util.write_nonblock(connection, server_errors.response(status))


util.write_error = _write_error

RECEIVE_SECONDS = 5
ORPHAN_SECONDS = 0.5  # for requests in hand, when the master is gone
STACK_BYTES = 1024 * 1024  # of address space for each thread; the system's 8 MiB would add up


class BoundedWorker(ThreadWorker):
    """gunicorn's threads. A request has a limited time to arrive (ADR 9), a held response occupies none (ADR 23)."""

    watch = Watch(RECEIVE_SECONDS)
    gate = Gate()

    def init_process(self) -> None:
        """Start the worker. Most of its threads only ever wait for a password hash (ADR 22)."""
        threading.stack_size(STACK_BYTES)
        super().init_process()

    def handle(self, conn: TConn) -> Any:
        """Read a request and respond to it. A connection occupies no thread before its first byte."""
        if not conn.initialized:
            conn.wait_for_data = lambda _seconds: TConn.wait_for_data(conn, 0)
        if not isinstance(conn.sock, Outlet):
            conn.sock = Outlet(conn.sock)
        with self.watch.over(conn.sock), conn.sock.for_this_thread():
            return super().handle(conn)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """Respond. While the server stops, no connection is kept: the client opens its next one elsewhere."""
        if draining.is_under_way():
            req.force_close()
        return super().handle_request(req, conn)

    def is_parent_alive(self) -> bool:
        """Whether the master lives. Without it, nobody restarts, limits or stops this worker: it ends in a second."""
        is_alive = bool(super().is_parent_alive())
        if not is_alive:
            self.set_accept_enabled(False)
            for listener in self.sockets:
                listener.close()  # at once: another server may need the port
            self.cfg.set("graceful_timeout", 0)
            # Even if a request hangs: the interpreter would wait for its thread.
            end = Timer(ORPHAN_SECONDS, os._exit, args=[1])
            end.daemon = True
            end.start()
        return is_alive

    def finish_request(self, conn: TConn, fs: Any) -> None:
        """Close the connection or wait for its next request, once a held response has left."""
        if isinstance(conn.sock, Outlet) and conn.sock.leaves_at:
            again = partial(self.method_queue.defer, self.finish_request, conn, fs)
            self.gate.release_later(conn.sock, again)
        else:
            super().finish_request(conn, fs)


# One socket for all workers: with one each (reuse_port), a stopping worker resets the connections in its queue.
bind = f"[{_host}]:{_port}" if ":" in _host else f"{_host}:{_port}"
worker_class = BoundedWorker  # a wait for a password hash, the database or the provider holds no interpreter lock
workers = _config.server.workers
threads = _config.server.threads
reload = _read.flag("GUNICORN_RELOAD", default=False)
preload_app = not reload  # saves memory, and an application that cannot start ends gunicorn
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a heartbeat must not wait for a disk

timeout = 30
# Together with SHUTDOWN_DELAY inside the 30 s that Kubernetes gives.
graceful_timeout = max(10, 25 - _config.server.shutdown_delay_seconds)
keepalive = 65  # longer than the 60 s for which load balancers reuse a connection

limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190
forwarded_allow_ips = ""  # TRUSTED_PROXY_COUNT alone says which proxies are trusted

logger_class = ServiceLogger
loglevel = _config.server.log_level.lower()
accesslog = None  # the service logs its requests itself, without personal data
control_socket_disable = True  # the socket would be a file in the home folder

_migrate = _read.flag("MIGRATE_ON_START", default=False)


def on_starting(server: Any) -> None:
    """Upgrade the schema with MIGRATE_ON_START, and log which dependency is not ready."""
    from otp_service.extensions import db
    from otp_service.ops import readiness, startup
    from wsgi import app

    with app.app_context():
        if _migrate:
            _upgrade_or_end()
        report = readiness.check()
        if report["status"] != "READY":
            states = ", ".join(f"{name} {state}" for name, state in report["checks"].items())
            server.log.error("Not ready yet: %s", states)
        startup.require_right_key()
        db.engine.dispose()  # workers must not inherit a connection


def when_ready(server: Any) -> None:
    """Let SIGTERM first tell load balancers, then stop (SHUTDOWN_DELAY)."""
    draining.install(server, delay_seconds=_config.server.shutdown_delay_seconds)


def post_worker_init(worker: Any) -> None:
    """Carry out what a worker that was killed has promised (ADR 43)."""
    if "otp_service" in worker.wsgi.extensions:  # the benchmarks serve a bare application with these settings
        services_of(worker.wsgi).background.resume()


def _upgrade_or_end() -> None:
    from flask_migrate import upgrade
    from sqlalchemy.exc import SQLAlchemyError

    try:
        upgrade()
    except (SQLAlchemyError, ClickException) as error:
        reason = error.message if isinstance(error, ClickException) else str(getattr(error, "orig", error))
        line = reason.partition("\n")[0]
        raise SystemExit(f"MIGRATE_ON_START: the database cannot be migrated: {line}") from error


def pre_request(_worker: Any, _request: Any) -> None:
    """Replace gunicorn's own log line, whose raw path may hold a secret."""


def post_fork(_server: Any, _worker: Any) -> None:
    """With GUNICORN_RELOAD, make the worker import our modules again: it inherited those of this process."""
    if reload:
        ours = [name for name in sys.modules if name.partition(".")[0] in {"otp_service", "config", "wsgi"}]
        for name in ours:
            if name != draining.__name__:  # it holds what the master shares with its workers
                del sys.modules[name]


if _read.faults:
    raise ConfigError(_read.faults)
