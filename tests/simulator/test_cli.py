"""The commands: run a simulator, read an inbox."""

import json
import os
import signal
import socket
from contextlib import contextmanager

import pytest
import requests
from click.testing import CliRunner

from otp_service.simulator.cli import simulator_cli
from otp_service.simulator.settings import DEMO_KEY, DEMO_SECRET
from tests.processes import ROOT, Place, Program, ended
from tests.simulator.caller import PHONE, start_body
from tests.waiting import PATIENCE_SECONDS, wait_until


@pytest.fixture
def serve(tmp_path):
    """Starts a simulator in a process of its own; its first line must name where it serves."""

    @contextmanager
    def start(*arguments, **environment):
        output = tmp_path / "output"
        place = Place({"PATH": os.environ["PATH"]} | environment, ROOT, output, tmp_path / "complaints")
        with Program(place, "otp_service.simulator", "run", "--port", "0", *arguments) as program:
            wait_until(lambda: output.exists() and "\n" in output.read_text())
            yield program, output.read_text().split()[2].removesuffix("/verification/v1")

    return start


def run(*arguments, **environment):
    return CliRunner(env=environment).invoke(simulator_cli, list(arguments))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_serves_until_it_is_told_to_stop(serve, number):
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


def test_run_takes_credentials_and_settings(serve, tmp_path):
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


def test_run_warns_when_others_can_reach_it(serve):
    with serve("--host", "0.0.0.0") as (program, _):
        program.terminate()
        assert "reachable from other machines" in ended(program).complaints


def test_run_on_a_taken_port_says_so_in_one_line():
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
def test_run_refuses_what_cannot_work_in_one_line(arguments, named):
    result = run("run", "--port", "0", *arguments)
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert named in result.output


def test_inbox_prints_what_a_phone_received(sim, caller):
    caller.started()
    caller.started(number="+14155552671")
    result = run("inbox", PHONE, "--url", sim.base_url)
    assert result.exit_code == 0
    assert sim.inbox(PHONE)[0]["text"] in result.output
    assert "+14155552671" not in result.output


def test_inbox_prints_every_phone_by_port(sim, caller):
    caller.started()
    assert PHONE in run("inbox", "--port", str(sim.port)).output
    assert PHONE in run("inbox", SIMULATOR_PORT=str(sim.port)).output


def test_inbox_prints_json(sim, caller):
    caller.started()
    assert json.loads(run("inbox", "--json", "--url", sim.base_url).output) == sim.inbox()


def test_inbox_says_when_there_is_nothing(sim):
    assert "No messages for +46700000000 yet." in run("inbox", "+46700000000", "--url", sim.base_url).output
    assert "No messages yet." in run("inbox", "--url", sim.base_url).output
    assert run("inbox", "--json", "--url", sim.base_url).output == "[]\n"


def test_inbox_without_a_simulator_says_how_to_start_one():
    result = run("inbox", "--url", "http://127.0.0.1:1")
    assert result.exit_code == 1
    assert "flask simulator run" in result.output


@pytest.mark.parametrize("url", ["file:///etc/passwd", "127.0.0.1"])
def test_inbox_asks_only_over_http(url):
    result = run("inbox", "--url", url)
    assert (result.exit_code, "--url must start with" in result.output) == (1, True)


def test_inbox_of_something_else_says_so(sim):
    result = run("inbox", "--url", f"{sim.base_url}/simulator/calls?x=")
    assert result.exit_code == 1
    assert "is not a simulator" in result.output
