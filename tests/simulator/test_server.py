"""The socket: kept connections, bodies that cannot be read, and a clean stop."""

import http.client
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import otp_service
from otp_service.simulator import Simulator, SimulatorSettings
from tests.simulator.caller import KEY, SECRET, Caller, assert_refused
from tests.simulator.conftest import MakePlace
from tests.waiting import PATIENCE_SECONDS


def raw(sim: Simulator, text: Any) -> Any:
    """What comes back for these bytes, until the server closes."""
    with socket.create_connection(("127.0.0.1", sim.port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(text)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def test_a_connection_is_kept_over_many_calls(sim: Simulator) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sim.port, timeout=PATIENCE_SECONDS)
    connection.connect()
    own = connection.sock.getsockname()
    for _ in range(3):
        connection.request("GET", "/inbox.json")
        assert connection.getresponse().read() == b'{"messages":[]}\n'
    assert connection.sock.getsockname() == own
    connection.close()


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 70000",
        b"Content-Length: -1",
        b"Content-Length: many",
        b"Transfer-Encoding: chunked",
    ],
)
def test_a_body_that_cannot_be_read_is_refused_and_the_connection_closed(sim: Simulator, head: Any) -> None:
    answer = raw(sim, b"PUT /simulator/clock HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"errorCode":40001' in answer


@pytest.mark.parametrize("text", [b"NONSENSE\r\n\r\n", b"BREW /inbox HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_what_is_no_http_is_refused_in_json(sim: Simulator, text: Any) -> None:
    answer = raw(sim, text)
    assert b'"errorCode":' in answer


def test_a_client_that_goes_away_disturbs_nobody(sim: Simulator, caller: Caller) -> None:
    for text in (b"", b"POST /x HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf", b"GET "):
        with socket.create_connection(("127.0.0.1", sim.port)) as connection:
            connection.sendall(text)
    assert caller.started()


def test_an_unexpected_failure_is_50000_and_tells_nothing(place: MakePlace, caplog: pytest.LogCaptureFixture) -> None:
    def broken_clock() -> None:
        raise RuntimeError("secret detail")

    _, caller = place(now=broken_clock)
    document = assert_refused(caller.start(), 50000)
    assert document == {"errorCode": 50000, "message": "Internal server error."}
    assert "secret detail" in caplog.text


def test_a_head_request_gets_no_body(caller: Caller) -> None:
    answer = caller.send("HEAD", "/inbox")
    assert (answer.status_code, answer.content) == (405, b"")


def test_links_name_the_host_that_was_called_unless_it_is_no_host(sim: Simulator, caller: Caller) -> None:
    named = caller.call("POST", "/verification/v1/verifications", None, Host="simulator:8090")
    assert named.status_code == 400
    page = caller.send("GET", "/inbox", headers={"Host": "simulator:8090"}).text
    assert "SINCH_BASE_URL=http://simulator:8090<" in page
    page = caller.send("GET", "/inbox", headers={"Host": "<b>"}).text
    assert f"SINCH_BASE_URL={sim.base_url}<" in page


def test_a_taken_port_is_an_oserror(sim: Simulator) -> None:
    with pytest.raises(OSError, match="in use"):
        Simulator(SimulatorSettings(KEY, SECRET, port=sim.port))


def test_nothing_answers_after_a_stop(place: MakePlace) -> None:
    sim, caller = place()
    caller.started()
    sim.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", sim.port), timeout=PATIENCE_SECONDS)


def test_a_stop_ends_every_thread(place: MakePlace) -> None:
    before = set(threading.enumerate())
    sim, caller = place(callback_url="http://127.0.0.1:1")
    caller.send("GET", "/inbox.json")
    assert set(threading.enumerate()) > before
    sim.stop()
    assert set(threading.enumerate()) <= before


def test_it_can_listen_on_ipv6(place: MakePlace) -> None:
    sim, caller = place(host="::1")
    assert sim.base_url == f"http://[::1]:{sim.port}"
    assert caller.started()


def test_the_simulator_stands_alone() -> None:
    script = (
        "import sys, types\n"
        "package = types.ModuleType('otp_service')\n"  # without running what the service does on import
        f"package.__path__ = [{str(Path(otp_service.__file__).parent)!r}]\n"
        "sys.modules['otp_service'] = package\n"
        "import otp_service.simulator, otp_service.simulator.cli\n"
        "own = [name for name in sys.modules if name.startswith('otp_service.')]\n"
        "print([name for name in own if not name.startswith('otp_service.simulator')])"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
