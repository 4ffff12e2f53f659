"""A proxy towards Sinch: calls go through it where the setting names one, and the environment cannot bring another."""

import base64
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from otp_service.core.calls.errors import NotSent
from otp_service.providers import Channel
from tests.servers.ports import free_port
from tests.sinch.certificates import server_context
from tests.sinch.conftest import Connect, Serve
from tests.sinch.scripted import ScriptedServer
from tests.sinch.scripts import ID, NUMBER, REFERENCE, receipt, reply


class TunnelProxy:
    """Opens tunnels (RFC 9110, 9.3.6) to any port of loopback, or refuses them with `status`."""

    def __init__(self, status: bytes = b"200 OK") -> None:
        self.heard: list[bytes] = []
        self._status = status
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> "TunnelProxy":
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                thread = threading.Thread(target=self._tunnel, args=(client,))
                thread.start()
                self._threads.append(thread)

    def _tunnel(self, client: socket.socket) -> None:
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            self.heard.append(head)
            client.sendall(b"HTTP/1.1 " + self._status + b"\r\n\r\n")
            if not self._status.startswith(b"200"):
                return
            host, port = head.split()[1].decode().rsplit(":", 1)
            with socket.create_connection((host, int(port))) as server:
                back = threading.Thread(target=_pump, args=(server, client))
                back.start()
                _pump(client, server)
                back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy() -> Iterator[TunnelProxy]:
    with TunnelProxy() as proxy:
        yield proxy


def test_calls_go_through_a_tunnel_of_the_proxy(tmp_path: Path, connect: Connect, proxy: TunnelProxy) -> None:
    context, bundle = server_context(tmp_path)
    with ScriptedServer(receipt(), tls=context) as server:
        sinch = connect(server.url, ca_bundle=bundle, proxy=f"http://ada:s%40cret@127.0.0.1:{proxy.port}")
        for _ in range(2):
            assert sinch.start(NUMBER, Channel.SMS, reference=REFERENCE).id == ID
        sinch.close()
        port = server.port

    (head,) = proxy.heard
    assert head.startswith(f"CONNECT 127.0.0.1:{port} HTTP/1".encode())
    assert base64.b64encode(b"ada:s@cret") in head
    assert NUMBER.encode() not in head


def test_a_plain_address_is_asked_of_the_proxy_as_a_whole(serve: Serve, connect: Connect) -> None:
    proxy = serve(reply({"id": ID, "method": "sms", "status": "PENDING"}))

    connect("http://sinch.test", proxy=proxy.url).start(NUMBER, Channel.SMS, reference=REFERENCE)

    assert proxy.heard[0].path == "http://sinch.test/verification/v1/verifications"


@pytest.mark.parametrize("status", [b"407 Proxy Authentication Required", b"403 Forbidden", b"502 Bad Gateway"])
def test_a_tunnel_that_the_proxy_refuses_sent_nothing(connect: Connect, status: bytes) -> None:
    with TunnelProxy(status) as proxy, pytest.raises(NotSent, match="proxy refused"):
        connect("https://sinch.test", proxy=f"http://127.0.0.1:{proxy.port}").status(ID)


def test_a_proxy_that_is_away_sent_nothing(connect: Connect) -> None:
    with pytest.raises(NotSent, match="refused"):
        connect("https://sinch.test", proxy=f"http://127.0.0.1:{free_port()}").status(ID)


def test_the_environment_cannot_bring_a_proxy(
    serve: Serve, connect: Connect, proxy: TunnelProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

    connect(serve(receipt()).url).start(NUMBER, Channel.SMS, reference=REFERENCE)

    assert proxy.heard == []


@pytest.mark.parametrize(("address", "reason"), [("https://sinch.invalid", "DNS"), ("http://127.0.0.1:{}", "refused")])
def test_the_log_tells_why_there_is_no_connection(
    connect: Connect, caplog: pytest.LogCaptureFixture, address: str, reason: str
) -> None:
    with pytest.raises(NotSent):
        connect(address.format(free_port())).status(ID)

    assert f"no connection to Sinch ({reason})" in {record.__dict__.get("reason") for record in caplog.records}
