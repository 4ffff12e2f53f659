"""The service on a socket, for clients in other languages."""

import shutil
from collections.abc import Iterator

import pytest

from config import ROOT
from otp_service.simulator import Simulator
from tests.conftest import MakeApp
from tests.serving import serving_app

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
    """Where the service and the phones are, and a key for backends, as variables of the environment."""
    app = make_app(OTP_COOLDOWN="0", WEBAUTHN_ORIGINS=ORIGIN, WEBAUTHN_RP_ID="localhost")
    scopes = ("--scope", "verifications", "--scope", "tokens")
    made = app.test_cli_runner().invoke(args=["apps", "create", "client", *scopes])
    with serving_app(app) as address:
        yield {
            "OTP_SERVICE_URL": f"http://{address}",
            "OTP_INBOX_URL": sinch.base_url,
            "OTP_ORIGIN": ORIGIN,
            "OTP_KEY": made.stdout.strip(),
        }
