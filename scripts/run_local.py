#!/usr/bin/env python3
"""Runs the service for development (`make run`): a simulated Sinch, gunicorn and the worker, until Ctrl-C."""

import argparse
import ctypes
import errno
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parent.parent
DEFAULTS = {
    "APP_ENV": "development",
    "LOG_FORMAT": "text",
    "HOST": "127.0.0.1",
    "PORT": "8000",
    "SIMULATOR_PORT": "8090",
    "WEB_CONCURRENCY": "1",  # without Redis, each process counts request limits on its own
    "GUNICORN_THREADS": "32",
    "MIGRATE_ON_START": "true",
    "RATE_LIMIT_REGISTER_PER_HOUR": "1000",  # a demonstration must not run into the limit
}
CALLBACK_PATH = "/webhooks/sinch/verification"
STARTS_AT_ONCE = 16  # the Sinch client allows so many per worker
START_SECONDS = 60
STOP_SECONDS = 30
POLL_SECONDS = 0.05
PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclass(frozen=True)
class Child:
    """A program that runs until it is stopped, with its name for messages."""

    name: str
    process: subprocess.Popen[bytes]


def main() -> int:
    """Return the exit code: 0 after Ctrl-C or SIGTERM, 1 if a program ended or could not start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reload", action="store_true", help="restart the service when its code changes")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    children: list[Child] = []
    try:
        return run(environment(reload=arguments.reload), children)
    except KeyboardInterrupt:
        print("\nStopping ...", flush=True)
        return 0
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        stop(children)


class StartError(Exception):
    """The reason why the service cannot run, in words for a person."""


def environment(*, reload: bool) -> dict[str, str]:
    """Add the DEFAULTS that neither the environment nor `.env` sets. Raises StartError."""
    try:
        file = dotenv_values(ROOT / ".env", interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"{ROOT / '.env'} cannot be read ({type(error).__name__}); save it as UTF-8.") from error
    given = {name: value for name, value in file.items() if value} | os.environ
    missing = {name: value for name, value in DEFAULTS.items() if not given.get(name)}
    return given | missing | ({"GUNICORN_RELOAD": "true"} if reload else {})


def interrupt(*_: object) -> NoReturn:
    """Treat any stop signal like Ctrl-C."""
    raise KeyboardInterrupt


def run(env: dict[str, str], children: list[Child]) -> int:
    """Start all programs, add them to `children`, and wait until one of them ends. Raises StartError."""
    simulated = not env.get("SINCH_APP_KEY") and not env.get("SINCH_BASE_URL") and env["APP_ENV"] == "development"
    require_free(env["HOST"], "PORT", env)
    if simulated:
        require_free("127.0.0.1", "SIMULATOR_PORT", env)
        arguments = ("-m", "otp_service.simulator", "run", "--state", simulator_state(env), *events(env))
        children.append(start("simulated Sinch", env, *arguments))
    children.append(start("service", env, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"))
    wait_until_healthy(env, children)  # from here on the database has the newest schema
    children.append(start("worker", env, "-m", "flask", "--app", "wsgi:app", "worker"))
    introduce(env, simulated=simulated)
    while True:
        require_alive(children)
        time.sleep(POLL_SECONDS)


def require_free(host: str, variable: str, env: dict[str, str]) -> None:
    """Raise StartError if the port in `variable` cannot be used."""
    port, ipv6 = env[variable], ":" in host
    try:
        family = socket.AF_INET6 if ipv6 else socket.AF_INET
        socket.create_server((host, int(port)), family=family, dualstack_ipv6=ipv6).close()
    except (ValueError, OverflowError) as error:
        raise StartError(f"{variable} is {port!r}; it must be a port number.") from error
    except OSError as error:
        reason = "is in use already" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        raise StartError(f"{host}:{port} {reason}; set {variable} to another port.") from error


def simulator_state(env: dict[str, str]) -> str:
    """Return the simulator's file, in the folder of the service's own database."""
    folder = Path(env.get("INSTANCE_DIR") or ROOT / "instance")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return str(folder / "simulator.db")


def events(env: dict[str, str]) -> tuple[str, ...]:
    """Return the option that sends the simulator's events to the service, unless the environment sets another URL."""
    if env.get("SINCH_CALLBACK_URL") or not env["GUNICORN_THREADS"].isdecimal():
        return ()
    # The simulator calls back while the service waits for its response. If all threads could wait at once, no thread
    # would be left to take the event.
    is_able = int(env["GUNICORN_THREADS"]) > STARTS_AT_ONCE
    return ("--callback-url", f"{service_url(env)}{CALLBACK_PATH}") if is_able else ()


def service_url(env: dict[str, str]) -> str:
    """Return the URL of the service."""
    host = reachable_host(env)
    return f"http://{f'[{host}]' if ':' in host else host}:{env['PORT']}"


def start(name: str, env: dict[str, str], *arguments: str) -> Child:
    """Start a Python program in its own session. Ctrl-C then reaches this script alone, which stops all in order."""
    end_with_us = partial(end_with, os.getpid())
    command = [sys.executable, *arguments]
    return Child(name, subprocess.Popen(command, env=env, start_new_session=True, preexec_fn=end_with_us))  # noqa: PLW1509


def end_with(parent: int) -> None:
    """Have the kernel stop this program in order when the script ends without doing so, as after `kill -9`.

    Runs in the child, before it becomes the program. Only Linux can do this.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it has ended already
            os._exit(1)


def require_alive(children: list[Child]) -> None:
    """Raise StartError if a child has ended."""
    for child in children:
        code = child.process.poll()
        if code is not None:
            raise StartError(f"The {child.name} ended by itself with exit code {code}; stopping the rest.")


def wait_until_healthy(env: dict[str, str], children: list[Child]) -> None:
    """Return once the service responds. Raises StartError."""
    deadline = time.monotonic() + START_SECONDS
    while not is_healthy(env):
        require_alive(children)
        if time.monotonic() > deadline:
            raise StartError(f"The service does not respond on port {env['PORT']} after {START_SECONDS} s.")
        time.sleep(POLL_SECONDS)


def is_healthy(env: dict[str, str]) -> bool:
    """Ask /health directly, without a configured proxy."""
    connection = http.client.HTTPConnection(reachable_host(env), int(env["PORT"]), timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def reachable_host(env: dict[str, str]) -> str:
    """Return an address at which to reach a service that may listen on all addresses."""
    return "127.0.0.1" if env["HOST"] in {"0.0.0.0", "::"} else env["HOST"]  # noqa: S104


def introduce(env: dict[str, str], *, simulated: bool) -> None:
    """Print the URLs."""
    service = service_url(env)
    is_mailing = any(env.get(name) for name in ("SMTP_URL", "SMTP_URL_FILE", "SMTP_HOST"))
    given = env.get("DATABASE_URL") or env.get("DATABASE_URL_FILE") or env.get("DB_HOST")
    lines = (
        "",
        f"  The service    {service}",
        f"  The API        {service}/docs",
        f"  Phone inbox    {phone_inbox(env) if simulated else 'the phones themselves'}",
        f"  Mail inbox     {'your mail server' if is_mailing else f'{service}/mail'}",
        "",
        f"  README.md has the curl lines to try. Users are kept in {'your database' if given else 'instance/'}.",
        "  Ctrl-C stops everything.",
        "",
    )
    print("\n".join(lines), flush=True)


def phone_inbox(env: dict[str, str]) -> str:
    """Say where codes arrive while Sinch is simulated."""
    simulator = f"http://127.0.0.1:{env['SIMULATOR_PORT']}/"
    providers = [name.strip() for name in (env.get("OTP_PROVIDERS") or "sinch").split(",")]
    if "http" not in providers or env.get("HTTP_GATEWAY_URL", "").startswith(simulator):
        return f"{simulator}inbox   (every code arrives here)"
    if "sinch" not in providers:
        return "none: HTTP_GATEWAY_URL gets every code"
    return f"{simulator}inbox   (codes that Sinch sends arrive here; HTTP_GATEWAY_URL gets the others)"


def stop(children: list[Child]) -> None:
    """Stop the children in reverse order. The simulator is last, so requests under way still reach it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for child in reversed(children):
        child.process.terminate()
        try:
            child.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(child.process.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
