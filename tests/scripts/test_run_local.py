"""`make run` starts everything, says where it is, and ends everything."""

import base64
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from otp_service.simulator.settings import DEMO_KEY, DEMO_SECRET
from tests.servers.ports import HOST, free_port, is_open
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.one_database

ROOT = Path(__file__).resolve().parents[2]
LAST_LINE = "Ctrl-C stops everything."


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    ports = {"PORT": str(free_port()), "SIMULATOR_PORT": str(free_port())}
    path = {"PATH": os.environ["PATH"]}
    return path | ports | {"INSTANCE_DIR": str(tmp_path), "APP_ENV": "development", "SINCH_APP_KEY": ""}


def start(env: dict[str, str], *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "scripts/run_local.py", *options],
        cwd=ROOT,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.fixture
def runner(env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with start(env) as process:
        assert process.stdout
        assert any(LAST_LINE in line for line in process.stdout), "it ended by itself"
        yield process
        process.terminate()


def get(port: str, path: str) -> dict[str, object]:
    with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=PATIENCE_SECONDS) as answer:
        document: dict[str, object] = json.load(answer)
        return document


def test_the_simulated_sinch_asks_the_service_before_it_sends(
    runner: subprocess.Popen[str], env: dict[str, str]
) -> None:
    identity = {"type": "number", "endpoint": "+14155552671"}
    credentials = base64.b64encode(f"{DEMO_KEY}:{DEMO_SECRET}".encode()).decode()
    request = urllib.request.Request(
        f"http://{HOST}:{env['SIMULATOR_PORT']}/verification/v1/verifications",
        data=json.dumps({"identity": identity, "method": "sms"}).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Basic {credentials}"},
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=PATIENCE_SECONDS)
    with refused.value as answer:
        assert json.load(answer)["errorCode"] == 40303  # denied by the callback


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_service_and_simulator_run_until_a_signal_ends_both(
    runner: subprocess.Popen[str], env: dict[str, str], number: signal.Signals
) -> None:
    assert get(env["PORT"], "/health")["status"] == "UP"
    assert get(env["SIMULATOR_PORT"], "/inbox.json") == {"messages": []}
    assert get(env["PORT"], "/mail.json") == {"messages": []}

    runner.send_signal(number)
    runner.communicate(timeout=PATIENCE_SECONDS)

    assert runner.returncode == 0
    assert not is_open(int(env["PORT"]))
    assert not is_open(int(env["SIMULATOR_PORT"]))


def test_what_it_started_ends_although_it_was_killed(runner: subprocess.Popen[str], env: dict[str, str]) -> None:
    runner.kill()

    runner.communicate(timeout=PATIENCE_SECONDS)  # returns when no program holds the other end of the output

    assert not is_open(int(env["PORT"]))
    assert not is_open(int(env["SIMULATOR_PORT"]))


def test_with_reloading_the_service_writes_as_it_does_without(env: dict[str, str]) -> None:
    details = {"email": "ada@example.com", "password": "Correct-Horse-7", "phoneNumber": "+14155552671"}
    request = urllib.request.Request(
        f"http://{HOST}:{env['PORT']}/api/v1/auth/register",
        data=json.dumps(details).encode(),
        headers={"Content-Type": "application/json"},
    )
    with start(env, "--reload") as process:
        assert process.stdout
        assert any(LAST_LINE in line for line in process.stdout), "it ended by itself"
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            assert answer.status == 201
        process.terminate()


@pytest.mark.parametrize("variable", ["PORT", "SIMULATOR_PORT"])
def test_a_port_in_use_is_one_line_that_names_the_variable(env: dict[str, str], variable: str) -> None:
    with socket.create_server((HOST, int(env[variable]))), start(env) as process:
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)

    assert output == f"{HOST}:{env[variable]} is in use already; set {variable} to another port.\n"
    assert process.returncode == 1


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({}, "(every code arrives here)"),
        (
            {"OTP_PROVIDERS": "http", "HTTP_GATEWAY_URL": "http://127.0.0.1:8090/gateway/messages"},
            "(every code arrives",
        ),
        ({"OTP_PROVIDERS": "http", "HTTP_GATEWAY_URL": "http://127.0.0.1:9010/"}, "HTTP_GATEWAY_URL gets every code"),
        (
            {"OTP_PROVIDERS": "sinch,http", "HTTP_GATEWAY_URL": "http://127.0.0.1:9010/"},
            "HTTP_GATEWAY_URL gets the others",
        ),
    ],
)
def test_it_says_where_codes_arrive(settings: dict[str, str], place: str) -> None:
    phone_inbox = runpy.run_path(str(ROOT / "scripts/run_local.py"))["phone_inbox"]

    assert place in phone_inbox({"SIMULATOR_PORT": "8090", **settings})


def test_settings_that_cannot_be_used_end_it_with_their_names(env: dict[str, str]) -> None:
    with start(env | {"JWT_SECRET": "short"}) as process:
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)

    assert "JWT_SECRET: " in output
    assert "The service ended by itself with exit code 1" in output
    assert process.returncode == 1
