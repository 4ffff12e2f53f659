"""Whose requests are counted together: the socket's address, or what the trusted proxies vouch for."""

import json
from typing import Any

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp
from tests.factories import code_on_phone, make_person
from tests.trail import entries

pytestmark = pytest.mark.one_database

PROXY = "10.0.0.1"


def limited(make_app: MakeApp, proxies: int, **settings: str) -> Api:
    limits = {"RATE_LIMITS_ENABLED": "true", "RATE_LIMIT_MAX_REQUESTS": "1"}
    return Api(make_app(**{**limits, "TRUSTED_PROXY_COUNT": str(proxies), **settings}))


def is_limited(api: Api, forwarded_for: str | None = None, *, socket: str = PROXY, **headers: str) -> bool:
    if forwarded_for is not None:
        headers["X-Forwarded-For"] = forwarded_for
    response = api.get("/profile", headers=headers, environ_overrides={"REMOTE_ADDR": socket})
    assert response.status_code in {401, 429}
    return response.status_code == 429


def test_each_address_has_its_own_count(make_app: MakeApp) -> None:
    api = limited(make_app, 0)
    assert [is_limited(api, socket=f"192.0.2.{number}") for number in (1, 2, 1, 2)] == [False, False, True, True]


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "Client-IP",
     "X-Originating-IP", "X-Cluster-Client-IP", "Via", "X-Forwarded-Host", "Host"],
)  # fmt: skip
@pytest.mark.parametrize("proxies", [0, 1])
def test_no_header_moves_the_address_that_no_proxy_vouches_for(make_app: MakeApp, header: str, proxies: int) -> None:
    api = limited(make_app, proxies)
    vouched = {"X-Forwarded-For": "192.0.2.1"} if proxies else {}
    answers = [is_limited(api, **{header: f"198.51.100.{number}", **vouched}) for number in (1, 2)]
    assert answers == [False, True]


def test_a_trusted_proxy_says_who_asks(make_app: MakeApp) -> None:
    api = limited(make_app, 1)
    assert [is_limited(api, f"192.0.2.{number}") for number in (1, 2, 1)] == [False, False, True]


@pytest.mark.parametrize(
    ("proxies", "vouched"),
    [
        (1, "{}, 192.0.2.1"),
        (1, "{},{},192.0.2.1"),
        (2, "{}, 192.0.2.1, 10.0.0.2"),
        (3, "{}, 192.0.2.1, 10.0.0.3, 10.0.0.2"),
    ],
)
def test_what_stands_before_the_vouched_hop_is_the_clients_own_word(
    make_app: MakeApp, proxies: int, vouched: str
) -> None:
    api = limited(make_app, proxies)
    claims = [vouched.replace("{}", f"198.51.100.{number}") for number in (1, 2)]
    assert [is_limited(api, claim) for claim in claims] == [False, True]


@pytest.mark.parametrize("claim", [None, "", "192.0.2.1"])
def test_a_chain_shorter_than_the_proxies_proves_nothing(make_app: MakeApp, claim: str | None) -> None:
    api = limited(make_app, 2)
    assert [is_limited(api, claim), is_limited(api, claim)] == [False, True]
    assert is_limited(api, socket="10.0.0.9") is False


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:DB8:1:2::1", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "", True),
    ],
)
def test_of_ipv6_a_whole_network_of_64_bits_counts_as_one(
    make_app: MakeApp, first: str, second: str, is_same: bool
) -> None:
    api = limited(make_app, 0)
    assert [is_limited(api, socket=address) for address in (first, second)] == [False, is_same]


TIMES = {"RATE_LIMIT_IPV6_56_TIMES": "2", "RATE_LIMIT_IPV6_48_TIMES": "3"}


def statuses_from(api: Api, addresses: list[str], path: str, body: Any = None) -> list[int]:
    """The statuses of one request from each address."""
    sockets = [{"REMOTE_ADDR": address} for address in addresses]
    return [api.post(path, body, environ_overrides=socket).status_code for socket in sockets]


@pytest.mark.parametrize(
    ("networks", "passed"),
    [
        (["1:0", "1:1", "1:2", "1:3"], [True, True, False, False]),  # one /56
        (["1:0", "1:100", "1:200", "1:300"], [True, True, True, False]),  # one /48
        (["1:0", "2:0", "3:0", "4:0"], [True] * 4),
    ],
)
@pytest.mark.parametrize("path", ["/profile", "/auth/refresh", "/nowhere"])
def test_a_56_and_a_48_of_ipv6_have_some_times_the_limit_of_an_address(
    make_app: MakeApp, networks: list[str], passed: list[bool], path: str
) -> None:
    limit = "RATE_LIMIT_REFRESH_PER_MINUTE" if path == "/auth/refresh" else "RATE_LIMIT_MAX_REQUESTS"
    api = Api(make_app(RATE_LIMITS_ENABLED="true", **TIMES, **{limit: "1"}))
    addresses = [f"2001:db8:{network}::1" for network in networks]

    assert [status != 429 for status in statuses_from(api, addresses, path, {"refreshToken": "x"})] == passed


def test_failed_sign_ins_count_for_the_wider_networks_of_ipv6(app: Flask, make_app: MakeApp) -> None:
    api = Api(make_app(RATE_LIMITS_ENABLED="true", RATE_LIMIT_FAILED_LOGINS="1", **TIMES))
    wrong = {"email": "nobody@example.com", "password": "Wrong-Horse-7"}
    addresses = [f"2001:db8:1:{number}::1" for number in range(3)]

    assert statuses_from(api, addresses, "/auth/login", wrong) == [401, 401, 429]
    assert statuses_from(api, addresses[2:], "/auth/login", make_person(app).credentials) == [429]
    assert statuses_from(api, ["192.0.2.1", "192.0.2.2", "192.0.2.3"], "/auth/login", wrong) == [401] * 3


def test_codes_that_are_sent_count_for_the_wider_networks_of_ipv6(app: Flask, make_app: MakeApp) -> None:
    api = Api(make_app(RATE_LIMITS_ENABLED="true", OTP_SENDS_PER_ADDRESS_HOUR="1", **TIMES))
    addresses = [f"2001:db8:1:{network}::1" for network in ("0", "1", "2", "100", "101")]
    sockets = [{"REMOTE_ADDR": address} for address in addresses]
    people = [make_person(app) for _ in addresses]
    answers = [
        api.post("/auth/request-otp", {"email": person.email}, environ_overrides=socket)
        for person, socket in zip(people, sockets, strict=True)
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 429, 200, 429]


def test_codes_that_are_sent_count_by_the_same_network(app: Flask, make_app: MakeApp) -> None:
    settings = {"OTP_SENDS_PER_ADDRESS_HOUR": "1", "RATE_LIMIT_MAX_REQUESTS": "100"}
    api = limited(make_app, 0, **settings)
    answers = [
        api.post("/auth/request-otp", {"email": make_person(app).email}, environ_overrides={"REMOTE_ADDR": address})
        for address in ("2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:3::1")
    ]
    assert [answer.status_code for answer in answers] == [200, 429, 200]


def test_the_vouched_address_is_the_one_remembered(app: Flask, make_app: MakeApp) -> None:
    headers = {"X-Forwarded-For": "198.51.100.7, 192.0.2.1"}
    Api(make_app(TRUSTED_PROXY_COUNT="1")).post(
        "/auth/login", {"email": "a@example.com", "password": "x"}, headers=headers
    )
    assert [entry.ip for entry in entries(app)] == ["192.0.2.1"]


SPELLINGS = {
    "192.0.2.1": ["192.0.2.1:1", "192.0.2.1:65535", '"192.0.2.1:7"', "[::ffff:192.0.2.1]:7", " 192.0.2.1 "],
    "2001:db8::1": ["[2001:db8::1]", "[2001:DB8:0::1]:443", '"[2001:db8::1]:9"', "2001:db8::1%eth0"],
    "unknown": ["unknown", "_hidden", "192.0.2.1:7:8", "[192.0.2.1", "192.0.2", "x" * 5_000, "'; --"],
}


@pytest.mark.parametrize("address", SPELLINGS)
def test_no_port_bracket_or_spelling_opens_a_fresh_count(make_app: MakeApp, address: str) -> None:
    api = limited(make_app, 1)
    assert [is_limited(api, spelled) for spelled in (address, *SPELLINGS[address])] == [False] + [True] * len(
        SPELLINGS[address]
    )


def test_limits_logs_audit_and_sessions_know_one_spelling(
    app: Flask, make_app: MakeApp, sinch: Simulator, capfd: pytest.CaptureFixture[str]
) -> None:
    person = make_person(app)
    api = Api(make_app(TRUSTED_PROXY_COUNT="1", LOG_LEVEL="INFO"))
    behind: dict[str, Any] = {"headers": {"X-Forwarded-For": "[2001:DB8::0:1]:5555"}}
    challenge = api.post("/auth/login", person.credentials, **behind).json["challengeToken"]
    body = {"challengeToken": challenge, "otpCode": code_on_phone(sinch, person)}
    token = api.post("/auth/verify-otp", body, **behind).json["token"]
    seen = {session["ip"] for session in api.get("/sessions", token=token, **behind).json["sessions"]}
    seen |= {entry.ip for entry in entries(app) if entry.request_id is not None}
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    seen |= {line["ip"] for line in lines if line.get("ip") and line.get("requestId")}
    assert seen == {"2001:db8::1"}


@pytest.mark.parametrize(
    "claim", ["x" * 5_000, "192.0.2.1:5555", "unknown", "_hidden", "'; --", "\u00e9", "[::1]", "a\x00b"]
)
def test_nonsense_from_a_proxy_or_a_client_breaks_nothing(app: Flask, make_app: MakeApp, claim: str) -> None:
    api, person = Api(make_app(TRUSTED_PROXY_COUNT="1", RATE_LIMITS_ENABLED="true")), make_person(app)
    headers = {"X-Forwarded-For": claim, "User-Agent": claim}
    assert api.post("/auth/login", person.credentials, headers=headers).status_code == 200
