"""clients/python against the service, as a backend uses it, and as pip installs it."""

import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from otp_service_client import EventNotVerified, OtpBackend, OtpError, Verification, verify_event
from requests.adapters import HTTPAdapter

from config import ROOT
from otp_service.core import clock
from otp_service.core.crypto import webhook_signatures
from otp_service.simulator import Simulator
from tests.factories import new_number, wrong_code
from tests.servers.ports import free_port
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.one_database

CLIENT = ROOT / "clients" / "python"
SECRET = bytes(range(32))
WRITTEN, OTHER = (webhook_signatures.write_secret(secret) for secret in (SECRET, bytes(32)))
BODY = b'{"id": "ev_1", "type": "user.created", "at": "2026-01-01T00:00:00Z", "data": {"userId": 17}}'


class Losing(HTTPAdapter):
    """Loses the response to the first request whose path ends like this, and notes the key of each request."""

    def __init__(self, ending: str) -> None:
        super().__init__()
        self.ending = ending
        self.keys: list[str | None] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        response = super().send(request, *args, **options)
        self.keys.append(request.headers.get("Idempotency-Key"))
        if len(self.keys) == 1 and (request.url or "").endswith(self.ending):
            raise requests.ConnectionError("the response was lost")
        return response


@pytest.fixture
def backend(served: dict[str, str]) -> OtpBackend:
    return OtpBackend(served["OTP_SERVICE_URL"], served["OTP_KEY"])


def code_on(sinch: Simulator, started: Verification) -> str:
    return str(sinch.inbox(started.phone_number)[0]["code"])


def test_a_number_is_verified_by_the_right_code_once(backend: OtpBackend, sinch: Simulator) -> None:
    number = new_number()
    started = backend.create_verification(number, reference="order-1042", locale="de-AT", expires_in=60)
    code = code_on(sinch, started)

    approved_at = backend.check_verification(started.id, code)
    with pytest.raises(OtpError) as used:
        backend.check_verification(started.id, code)

    assert (started.status, started.phone_number, started.country) == ("pending", number, "US")
    assert (started.reference, started.attempts_left) == ("order-1042", 5)
    assert started.created_at <= approved_at < started.expires_at
    assert (used.value.status, used.value.code) == (410, "verification_ended")
    assert backend.get_verification(started.id).status == "approved"


def test_a_wrong_code_raises_an_error_that_says_how_many_tries_are_left(backend: OtpBackend, sinch: Simulator) -> None:
    started = backend.create_verification(new_number())

    with pytest.raises(OtpError) as refused:
        backend.check_verification(started.id, wrong_code(code_on(sinch, started)))

    assert (refused.value.status, refused.value.code, refused.value.attempts_left) == (422, "otp_invalid", 4)
    assert refused.value.request_id


def test_an_error_of_a_field_names_the_field(served: dict[str, str]) -> None:
    backend = OtpBackend(f"{served['OTP_SERVICE_URL']}/api/v1/", served["OTP_KEY"])

    with pytest.raises(OtpError, match="phoneNumber: ") as refused:
        backend.create_verification("+1")

    assert (refused.value.status, [error["field"] for error in refused.value.errors]) == (400, ["phoneNumber"])


def test_another_code_is_sent_for_the_same_verification(backend: OtpBackend, sinch: Simulator) -> None:
    started = backend.create_verification(new_number())

    again = backend.resend_verification(started.id, channel="callout")

    assert (again.id, again.channel) == (started.id, "callout")
    assert backend.check_verification(started.id, code_on(sinch, again))


def test_verifications_are_found_over_pages_cancelled_and_erased(backend: OtpBackend) -> None:
    started = [backend.create_verification(new_number(), reference="batch") for _ in range(2)]

    found = [one.id for one in backend.verifications(reference="batch")]
    backend.cancel_verification(started[0].id)
    backend.cancel_verification(started[1].id, erase=True)
    with pytest.raises(OtpError) as gone:
        backend.get_verification(started[1].id)

    assert found == [started[1].id, started[0].id]
    assert backend.get_verification(started[0].id).status == "cancelled"
    assert gone.value.status == 404


@pytest.mark.parametrize("ending", ["/verifications", "/check"])
def test_a_lost_response_is_asked_for_again_with_the_same_key(
    served: dict[str, str], sinch: Simulator, ending: str
) -> None:
    losing, session = Losing(ending), requests.Session()
    session.mount("http://", losing)
    backend = OtpBackend(served["OTP_SERVICE_URL"], served["OTP_KEY"], session=session)
    started = backend.create_verification(new_number())
    if ending == "/check":
        losing.keys.clear()

    backend.check_verification(started.id, code_on(sinch, started))

    assert losing.keys[0] == losing.keys[1]
    assert len(set(losing.keys)) == len(losing.keys) - 1
    assert len(sinch.inbox(started.phone_number)) == 1


def test_a_service_that_is_away_is_an_error_without_a_status() -> None:
    backend = OtpBackend(f"http://127.0.0.1:{free_port()}", "otpk_x", retries=0)

    with pytest.raises(OtpError, match="did not respond") as away:
        backend.get_verification("1")

    assert (away.value.status, away.value.code) == (0, "no_response")


def test_tokens_are_introspected_and_a_wrong_key_is_rejected(backend: OtpBackend, served: dict[str, str]) -> None:
    stranger = OtpBackend(served["OTP_SERVICE_URL"], "otpk_x")

    with pytest.raises(OtpError) as refused:
        stranger.introspect("garbage")

    assert backend.introspect("garbage") == {"active": False}
    assert refused.value.status == 401


def headers_of(body: bytes, *, at: datetime | None = None) -> dict[str, str]:
    moment = at or clock.system_now()
    return dict(webhook_signatures.signed_headers(SECRET, message_id="msg_1", at=moment, body=body))


@pytest.mark.parametrize("secrets", [[WRITTEN], [OTHER, WRITTEN]], ids=["one secret", "a rotation"])
def test_an_event_that_the_service_signed_is_read(secrets: list[str]) -> None:
    event = verify_event(BODY, headers_of(BODY), *secrets)

    assert (event.id, event.type, event.data["userId"]) == ("ev_1", "user.created", 17)
    assert event.at.isoformat() == "2026-01-01T00:00:00+00:00"


NOT_SIGNED, TOO_OLD, NO_HEADER = "not signed with this secret", "too old", "no webhook-id or no webhook-timestamp"
FORGED: dict[str, tuple[str, dict[str, str]]] = {
    "another id": (NOT_SIGNED, {"webhook-id": "msg_2"}),
    "no signature": (NOT_SIGNED, {"webhook-signature": "v1,"}),
    "no base64": (NOT_SIGNED, {"webhook-signature": "v1,%%%"}),
    "full-width digits": (NO_HEADER, {"webhook-timestamp": "１２"}),
}


@pytest.mark.parametrize(("reason", "forged"), FORGED.values(), ids=FORGED)
def test_an_event_with_a_forged_header_is_rejected(reason: str, forged: dict[str, str]) -> None:
    with pytest.raises(EventNotVerified, match=reason):
        verify_event(BODY, headers_of(BODY) | forged, WRITTEN)


def test_an_event_with_another_body_or_time_is_rejected_for_its_signature() -> None:
    signed = headers_of(BODY)
    other_time = signed | {"webhook-timestamp": str(int(signed["webhook-timestamp"]) - 100)}

    for body, headers in ((BODY + b" ", signed), (BODY, other_time)):
        with pytest.raises(EventNotVerified, match=NOT_SIGNED):
            verify_event(body, headers, WRITTEN)


def test_an_event_that_is_too_old_or_has_no_headers_is_rejected() -> None:
    old = headers_of(BODY, at=clock.system_now() - timedelta(minutes=6))

    for headers, reason in ((old, TOO_OLD), ({}, NO_HEADER)):
        with pytest.raises(EventNotVerified, match=reason):
            verify_event(BODY, headers, WRITTEN)


def test_the_package_installs_with_pip_and_has_its_types(tmp_path: Path) -> None:
    copy = shutil.copytree(CLIENT, tmp_path / "python")  # a build writes next to what it builds
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check")
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(tmp_path / "installed"), str(copy)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=4 * PATIENCE_SECONDS, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    installed = {path.name for path in (tmp_path / "installed" / "otp_service_client").iterdir()}
    assert {"__init__.py", "py.typed"} <= installed
    assert (CLIENT / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
