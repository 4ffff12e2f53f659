"""`flask simulator`: run a simulated Sinch, and read its phone inbox."""

import errno
import ipaddress
import json
import signal
import threading
from dataclasses import fields
from typing import Any, get_args
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import click
from flask.cli import AppGroup

from otp_service.simulator.gateway_api import PATH
from otp_service.simulator.settings import DEMO_GATEWAY_SECRET, DEMO_KEY, DEMO_SECRET, SimulatorSettings
from otp_service.simulator.simulator import Simulator

DEFAULT_PORT = 8090
INBOX_TIMEOUT_SECONDS = 5.0

simulator_cli = AppGroup("simulator", help="A simulated Sinch with a phone inbox.")


def _setting_options(command: Any) -> Any:
    """Add an option for every setting that has a help text."""
    for field in reversed(fields(SimulatorSettings)):
        if "help" not in field.metadata:
            continue
        choices = [choice for choice in get_args(field.type) if isinstance(choice, str)]
        kind: Any = click.Choice(choices) if choices else _option_type(field.type, field.default)
        command = click.option(
            f"--{field.name.replace('_', '-')}",
            type=kind,
            is_flag=kind is bool,
            default=field.default,
            show_default=field.default not in (None, 0, False),
            help=field.metadata["help"],
        )(command)
    return command


def _option_type(annotation: Any, default: Any) -> type:
    if annotation in (bool, int, float):
        return annotation  # type: ignore[no-any-return]
    return int if default is None else type(default)


@simulator_cli.command("run", with_appcontext=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True,
              envvar="SIMULATOR_PORT", show_envvar=True, help="The port; 0 takes a free one.")  # fmt: skip
@click.option("--key", default=DEMO_KEY, envvar="SINCH_APP_KEY", show_envvar=True, help="Application key [demo].")
@click.option("--secret", default=DEMO_SECRET, envvar="SINCH_APP_SECRET", show_envvar=True,
              help="Application secret, in base64 [demo].")  # fmt: skip
@click.option("--gateway-secret", default=DEMO_GATEWAY_SECRET, envvar="HTTP_GATEWAY_SECRET", show_envvar=True,
              help="Secret of the HTTP gateway, whsec_ and base64 [demo].")  # fmt: skip
@click.option(
    "--callback-url", envvar="SINCH_CALLBACK_URL", show_envvar=True, help="The URL that events are posted to."
)
@click.option("--state", "state_path", type=click.Path(dir_okay=False),
              help="An SQLite file that keeps verifications and inbox over a restart.")  # fmt: skip
@_setting_options
def run(**options: Any) -> None:
    """Serve a simulated Sinch until it is interrupted."""
    stopping = threading.Event()
    # Handlers that only set an event: the simulator is then stopped in order, and its state file is whole.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    simulator = _started(options)
    try:
        _introduce(simulator)
        stopping.wait()
    finally:
        simulator.stop()
    click.echo("The simulator stopped.")


def _started(options: dict[str, Any]) -> Simulator:
    """A running simulator. Each failure is reported in one line."""
    place = f"{options['host']}:{options['port']}"
    try:
        return Simulator(SimulatorSettings(**options))
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise click.ClickException(f"{place} is in use already; choose another port with --port.") from None
        raise click.ClickException(f"Cannot listen on {place}: {error.strerror}.") from None


def _introduce(simulator: Simulator) -> None:
    settings = simulator.settings
    click.echo(f"Simulated Sinch:  {simulator.base_url}/verification/v1   (SINCH_BASE_URL={simulator.base_url})")
    click.echo(f"Phone inbox:      {simulator.base_url}/inbox")
    click.echo(f"HTTP gateway:     {simulator.base_url}{PATH}")
    click.echo(f"Application key:  {settings.key}{' (demo)' if settings.key == DEMO_KEY else ''}")
    click.echo(f"Callbacks to:     {settings.callback_url or 'nowhere'}")
    if not _is_loopback(settings.host):
        click.secho(f"Warning: {settings.host} is reachable from other machines, and everyone who reaches it can "
                    "read every code.", fg="yellow", err=True)  # fmt: skip


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@simulator_cli.command("inbox", with_appcontext=False)
@click.argument("number", required=False)
@click.option("--url", default=None, help=f"The simulator [http://127.0.0.1:{DEFAULT_PORT}].")
@click.option("--port", type=int, default=DEFAULT_PORT, envvar="SIMULATOR_PORT", help="Its port, without --url.")
@click.option("--json", "as_json", is_flag=True, help="Print the messages as JSON.")
def inbox(number: str | None, url: str | None, port: int, as_json: bool) -> None:
    """Print the messages of the phone NUMBER, or of every phone, newest first."""
    messages = _messages(url or f"http://127.0.0.1:{port}", number)
    if as_json:
        click.echo(json.dumps(messages, indent=2, ensure_ascii=False))
    elif not messages:
        click.echo(f"No messages for {number} yet." if number else "No messages yet.")
    for message in [] if as_json else messages:
        click.echo(f"{message['at'][:19]}Z  {message['to']:<16} {message['channel']:<9} {message['text']}")


def _messages(url: str, number: str | None) -> list[dict[str, Any]]:
    """The messages that a running simulator has."""
    if not url.startswith(("http://", "https://")):
        raise click.ClickException("--url must start with http:// or https://.")
    query = f"?to={quote(number, safe='')}" if number else ""
    try:
        with urlopen(f"{url.rstrip('/')}/inbox.json{query}", timeout=INBOX_TIMEOUT_SECONDS) as response:  # noqa: S310 - checked
            return list(json.load(response)["messages"])
    except (URLError, OSError):
        raise click.ClickException(f"No simulator responds at {url}; start one with: flask simulator run") from None
    except (ValueError, KeyError, TypeError):
        raise click.ClickException(f"The server at {url} is not a simulator.") from None
