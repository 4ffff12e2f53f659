"""The commands: run a simulator, read an inbox."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from otp_service.simulator import Simulator
from otp_service.simulator.cli import simulator_cli
from otp_service.simulator.settings import DEMO_KEY, DEMO_SECRET
from tests.processes import ROOT, Place, Program, ended
from tests.simulator.caller import PHONE, Caller, start_body
from tests.waiting import PATIENCE_SECONDS, wait_until


@pytest.fixture
def serve(tmp_path: Path) -> Any:
    """Starts a simulator in a process of its own; its first line must name where it serves."""

    @contextmanager
    def start(*arguments: Any, **environment: Any) -> Iterator[Any]:
        output = tmp_path / "output"
        place = Place({"PATH": os.environ["PATH"]} | environment, ROOT, output, tmp_path / "complaints")
        with Program(place, "otp_service.simulator", "run", "--port", "0", *arguments) as program:
            wait_until(lambda: output.exists() and "\n" in output.read_text())
            yield program, output.read_text().split()[2].removesuffix("/verification/v1")

    return start


def run(*arguments: Any, **environment: Any) -> Any:
    return CliRunner(env=environment).invoke(simulator_cli, list(arguments))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_serves_until_it_is_told_to_stop(serve: Any, number: Any) -> None:
    with serve() as (program, url):
        answer = requests.post(
            f"{url}/verification/v1/verifications",
            json=start_body(),
            auth=(DEMO_KEY, DEMO_SECRET),
            timeout=PATIENCE_SECONDS,
        )
        assert answer.status_code == 200
        program.send_signal(number)
        end = ended(program)
    assert (end.code, end.complaints) == (0, "")
    assert f"{url}/inbox" in end.output
    assert end.output.endswith("The simulator stopped.\n")


def test_run_takes_credentials_and_settings(serve: Any, tmp_path: Path) -> None:
    state = str(tmp_path / "state.db")
    options = ("--sms-code-length", "7", "--minimum-auth", "basic", "--state", state)
    secret = {"SINCH_APP_KEY": "my-key", "SINCH_APP_SECRET": "c2VjcmV0"}
    with serve(*options, **secret) as (_, url):
        answer = requests.post(
            f"{url}/verification/v1/verifications",
            json=start_body(),
            auth=("my-key", "c2VjcmV0"),
            timeout=PATIENCE_SECONDS,
        )
        assert answer.status_code == 200
        messages = requests.get(f"{url}/inbox.json", timeout=PATIENCE_SECONDS).json()["messages"]
        assert len(messages[0]["code"]) == 7


def test_run_warns_when_others_can_reach_it(serve: Any) -> None:
    with serve("--host", "0.0.0.0") as (program, _):
        program.terminate()
        assert "reachable from other machines" in ended(program).complaints


def test_run_on_a_taken_port_says_so_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run("run", "--port", port)
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert f"127.0.0.1:{port} is in use already" in result.output


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--secret", "no base64!"), "secret"),
        (("--state", "/nowhere/at/all.db"), "state_path"),
        (("--callback-url", "nonsense"), "callback_url"),
        (("--host", "192.0.2.1"), "Cannot listen on 192.0.2.1:0"),
        (("--host", "no such host"), "Cannot listen on no such host:0"),
    ],
)
def test_run_refuses_what_cannot_work_in_one_line(arguments: Any, named: Any) -> None:
    result = run("run", "--port", "0", *arguments)
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert named in result.output


def test_inbox_prints_what_a_phone_received(sim: Simulator, caller: Caller) -> None:
    caller.started()
    caller.started(number="+14155552671")
    result = run("inbox", PHONE, "--url", sim.base_url)
    assert result.exit_code == 0
    assert sim.inbox(PHONE)[0]["text"] in result.output
    assert "+14155552671" not in result.output


def test_inbox_prints_every_phone_by_port(sim: Simulator, caller: Caller) -> None:
    caller.started()
    assert PHONE in run("inbox", "--port", str(sim.port)).output
    assert PHONE in run("inbox", SIMULATOR_PORT=str(sim.port)).output


def test_inbox_prints_json(sim: Simulator, caller: Caller) -> None:
    caller.started()
    assert json.loads(run("inbox", "--json", "--url", sim.base_url).output) == sim.inbox()


def test_inbox_says_when_there_is_nothing(sim: Simulator) -> None:
    assert "No messages for +46700000000 yet." in run("inbox", "+46700000000", "--url", sim.base_url).output
    assert "No messages yet." in run("inbox", "--url", sim.base_url).output
    assert run("inbox", "--json", "--url", sim.base_url).output == "[]\n"


def test_inbox_without_a_simulator_says_how_to_start_one() -> None:
    result = run("inbox", "--url", "http://127.0.0.1:1")
    assert result.exit_code == 1
    assert "flask simulator run" in result.output


@pytest.mark.parametrize("url", ["file:///etc/passwd", "127.0.0.1"])
def test_inbox_asks_only_over_http(url: Any) -> None:
    result = run("inbox", "--url", url)
    assert (result.exit_code, "--url must start with" in result.output) == (1, True)


def test_inbox_of_something_else_says_so(sim: Simulator) -> None:
    result = run("inbox", "--url", f"{sim.base_url}/simulator/calls?x=")
    assert result.exit_code == 1
    assert "is not a simulator" in result.output
