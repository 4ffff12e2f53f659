"""The receiver on the page for operators, run as it stands there."""

import re
import threading
from http.server import HTTPServer
from typing import Any

import pytest

from config import ROOT
from otp_service.core.calls.errors import Refused
from otp_service.core.crypto.webhook_signatures import read_secret
from otp_service.http_gateway.client import GatewayClient
from otp_service.http_gateway.settings import GatewaySettings

PAGE = ROOT / "docs/sms-gateway.md"
MESSAGE = {
    "id": "m-1",
    "to": "+14155552671",
    "channel": "sms",
    "text": "Code 481516.",
    "code": "481516",
    "locale": "en",
}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_receiver_takes_what_is_signed_with_its_secret_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_GATEWAY_SECRET", SECRET)
    found = re.search(r"```python\n(.*?)HTTPServer\(", PAGE.read_text(encoding="utf-8"), re.S)
    assert found is not None
    names: dict[str, Any] = {}
    exec(found[1], names)
    server = HTTPServer(("127.0.0.1", 0), names["Gateway"])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/messages"
        price = client(url, read_secret(SECRET)).send("m-1", MESSAGE)
        with pytest.raises(Refused):
            client(url, b"another secret of 24 byte").send("m-2", MESSAGE)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert price is not None
    assert capsys.readouterr().out == "send Code 481516. to +14155552671\n"


def client(url: str, secret: bytes) -> GatewayClient:
    return GatewayClient(
        GatewaySettings(
            url=url,
            secret=secret,
            prices={},
            currency="EUR",
            ca_file=None,
            read_timeout_seconds=5.0,
            breaker_failures=5,
            concurrency=4,
        )
    )
