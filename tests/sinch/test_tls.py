"""TLS: only a certificate that can be trusted gets to see a request."""

from pathlib import Path

import pytest

from otp_service.core.calls.errors import NotSent, OutcomeUnknown
from otp_service.providers import Channel
from tests.sinch.certificates import server_context
from tests.sinch.conftest import Connect
from tests.sinch.scripted import Script, ScriptedServer
from tests.sinch.scripts import ID, NUMBER, REFERENCE, drip, message, receipt, reset, stall


def test_a_trusted_server_is_spoken_to_over_one_connection(tmp_path: Path, connect: Connect) -> None:
    context, bundle = server_context(tmp_path)
    with ScriptedServer(receipt(), tls=context) as server:
        sinch = connect(server.url, ca_bundle=bundle)
        for _ in range(3):
            assert sinch.start(NUMBER, Channel.SMS, reference=REFERENCE).id == ID
    assert server.connections == 1


def test_a_self_signed_certificate_gets_no_request(tmp_path: Path, connect: Connect) -> None:
    context, _ = server_context(tmp_path)
    with ScriptedServer(receipt(), tls=context) as server, pytest.raises(NotSent, match="certificate"):
        connect(server.url).start(NUMBER, Channel.SMS, reference=REFERENCE)
    assert server.heard == []


def test_the_environment_cannot_bring_its_own_authorities(
    tmp_path: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, bundle = server_context(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    monkeypatch.setenv("CURL_CA_BUNDLE", bundle)
    with ScriptedServer(receipt(), tls=context) as server, pytest.raises(NotSent, match="certificate"):
        connect(server.url).start(NUMBER, Channel.SMS, reference=REFERENCE)
    assert server.heard == []


@pytest.mark.parametrize("fault", [{"address": "127.0.0.2"}, {"days": -1}], ids=["another host", "expired"])
def test_a_certificate_of_a_trusted_authority_must_fit_too(
    tmp_path: Path, connect: Connect, fault: dict[str, str | int]
) -> None:
    context, bundle = server_context(tmp_path, **fault)  # type: ignore[arg-type]
    with ScriptedServer(receipt(), tls=context) as server, pytest.raises(NotSent, match="certificate"):
        connect(server.url, ca_bundle=bundle).start(NUMBER, Channel.SMS, reference=REFERENCE)
    assert server.heard == []


@pytest.mark.parametrize(
    "trouble", [stall, drip(message(200, b"{}" + b" " * 1000)), reset], ids=["stall", "drip", "reset"]
)
def test_trouble_behind_tls_ends_in_time_and_in_doubt(
    tmp_path: Path, connect_hastily: Connect, trouble: Script
) -> None:
    context, bundle = server_context(tmp_path)
    with ScriptedServer(trouble, tls=context) as server:
        with pytest.raises(OutcomeUnknown):
            connect_hastily(server.url, ca_bundle=bundle).start(NUMBER, Channel.SMS, reference=REFERENCE)
        assert server.has_heard(1)
    assert (len(server.heard), server.has_outwaited_a_client) == (1, False)
