"""Where hooks may lead."""

import pytest

from otp_service.hooks.allowed_urls import BadUrl, find_refusal, require_allowed

PUBLIC = ("93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1")
PRIVATE = (
    "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.1.1", "100.64.0.1", "0.1.2.3",
    "192.0.2.1", "198.18.0.1", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "2001:db8::1", "3fff::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::1", "2002:a00:1::1", "64:ff9b::7f00:1",
    "64:ff9b::a00:1", "64:ff9b:1::7f00:1", "64:ff9b:1::808:808",
    "64:ff9b:1:ffff::808:808", "192.0.0.9", "192.0.0.10", "192.88.99.1",
    "2001:0:53aa:64c:0:0:f5ff:fffe",
)  # fmt: skip
NEVER = (
    "169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "fd00:ec2::254",
    "100.100.100.200", "0.0.0.0", "::", "::ffff:0.0.0.0", "224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1",
    "4000::1", "169.254.170.2", "169.254.170.23", "fd00:ec2::23", "fd20:ce::254", "168.63.129.16", "192.0.0.192",
    "64:ff9b:1::a9fe:a9fe", "::ffff:168.63.129.16",
)  # fmt: skip


@pytest.mark.parametrize("allows_private", [False, True])
def test_public_addresses_are_allowed(allows_private: bool) -> None:
    assert [find_refusal(address, allows_private=allows_private) for address in PUBLIC] == [None] * len(PUBLIC)


def test_private_addresses_are_refused_unless_they_are_allowed_also_inside_one_of_ipv6() -> None:
    assert [address for address in PRIVATE if find_refusal(address, allows_private=False) is None] == []
    assert [address for address in PRIVATE if find_refusal(address, allows_private=True) is not None] == []


def test_addresses_that_no_receiver_has_are_always_refused() -> None:
    assert [address for address in NEVER if find_refusal(address, allows_private=True) is None] == []


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://shop.example/hooks?x=1", "shop.example"),
        ("https://Shop.Example:8443", "shop.example"),
        ("https://[2606:4700::1111]/", "2606:4700::1111"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example"),
    ],
)
def test_a_url_names_its_host(url: str, host: str) -> None:
    assert require_allowed(url, needs_https=True) == host


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://shop.example/", "https"),
        ("https://user:pw@shop.example/", "user or a password"),
        ("https://user@shop.example/", "user or a password"),
        ("https://@shop.example/", "user or a password"),
        ("https://shop.example/#part", "fragment"),
        ("https://shop.example/#", "fragment"),
        ("ftp://shop.example/", "not an address"),
        ("shop.example", "not an address"),
        ("https:///hooks", "not an address"),
        ("https://[::1", "not an address"),
        ("https://shop.example:0/", "not an address"),
        ("https://shop.example:99999/", "not an address"),
        ("https://%31%32%37.0.0.1/", "not an address"),
        ("https://shop.example/a b", "blanks"),
        ("https://shop.example\\@127.0.0.1/", "backslashes"),
        ("https://bücher.example/", "beyond ASCII"),
        ("https://shop.example/\r\nX: y", "blanks"),
        (f"https://shop.example/{'a' * 2000}", "2000 characters"),
    ],
)
def test_a_url_that_no_hook_may_have_is_rejected_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(BadUrl, match=reason):
        require_allowed(url, needs_https=True)


def test_development_allows_http() -> None:
    assert require_allowed("http://127.0.0.1:3000/events", needs_https=False) == "127.0.0.1"
