"""IP addresses: whom they count for, and which of them mean this machine."""

import pytest

from otp_service.core.addresses import is_loopback, is_this_machine, network_of, plain_address


@pytest.mark.parametrize(
    ("host", "is_local", "is_ours"),
    [
        ("127.0.0.1", True, True),
        ("127.8.8.8", True, True),
        ("::1", True, True),
        ("localhost", True, True),
        ("LOCALHOST.", False, True),
        ("0.0.0.0", False, True),
        ("::", False, True),
        ("host.docker.internal", False, True),
        ("::ffff:127.0.0.1", False, True),
        ("::ffff:0.0.0.0", False, True),
        ("127.1", False, True),
        ("0x7f000001", False, True),
        ("2130706433", False, True),
        ("sinch.localhost", False, True),
        ("::ffff:10.0.0.1", False, False),
        ("10.0.0.1", False, False),
        ("localhost.example.com", False, False),
    ],
)
def test_data_for_loopback_stays_here_and_more_names_than_that_lead_here(
    host: str, is_local: bool, is_ours: bool
) -> None:
    assert (is_loopback(host), is_this_machine(host)) == (is_local, is_ours)


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::1%eth0", "2001:db8::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(ip: str, network: str) -> None:
    assert network_of(ip) == network


@pytest.mark.parametrize(
    "text", ["192.0.2.1", "192.0.2.1:5555", '"192.0.2.1:5555"', "::ffff:192.0.2.1", "[::ffff:192.0.2.1]:1"]
)
def test_an_address_has_one_spelling(text: str) -> None:
    assert plain_address(text) == "192.0.2.1"
