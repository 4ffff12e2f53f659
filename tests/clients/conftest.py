"""The service on a socket, for clients in other languages."""

import shutil
import threading
from collections.abc import Iterator

import pytest
from werkzeug.serving import make_server

from config import ROOT
from otp_service.simulator import Simulator
from tests.conftest import MakeApp

ORIGIN = "http://localhost:8000"

# The client for Node is tested where there is a Node, and against others' libraries where npm has installed them. Both
# are installed by `.ci/run`.
HAS_NODE = bool(shutil.which("node") and shutil.which("npm"))
HAS_LIBRARIES = HAS_NODE and (ROOT / "clients" / "javascript" / "node_modules").is_dir()
collect_ignore = [
    *([] if HAS_NODE else ["test_javascript.py"]),
    *([] if HAS_LIBRARIES else ["test_standard_webhooks.py"]),
]


@pytest.fixture
def served(make_app: MakeApp, sinch: Simulator) -> Iterator[dict[str, str]]:
    """Where the service and the phones are, as variables of the environment."""
    app = make_app(OTP_COOLDOWN="0", WEBAUTHN_ORIGINS=ORIGIN, WEBAUTHN_RP_ID="localhost")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield {
        "OTP_SERVICE_URL": f"http://127.0.0.1:{server.server_port}",
        "OTP_INBOX_URL": sinch.base_url,
        "OTP_ORIGIN": ORIGIN,
    }
    server.shutdown()
    thread.join()
    server.server_close()
