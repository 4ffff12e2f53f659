"""Which addresses of Redis are understood, and that the others are rejected by name."""

import pytest

from otp_service.core.redis_pool import BadAddress, open_pool, place_of


def connection_of(url: str) -> dict[str, object]:
    """What a connection to the address would be made with."""
    return dict(open_pool(url, timeout_seconds=1).connection_kwargs)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://h", {"host": "h"}),
        ("redis://h:6380/2", {"host": "h", "port": 6380, "db": 2}),
        ("valkey://u:p%40ss@h/1", {"host": "h", "username": "u", "password": "p@ss", "db": 1}),
        ("REDIS://h", {"host": "h"}),
        ("unix:///run/valkey.sock", {"path": "/run/valkey.sock"}),
        ("redis+unix:///run/valkey.sock", {"path": "/run/valkey.sock"}),
        ("redis://h/0?health_check_interval=30", {"health_check_interval": 30}),
        ("redis+sentinel://a:1,b/prime/3", {"db": 3, "password": None}),
        ("valkey+sentinel://u:p%40@[::1]:7/prime", {"username": "u", "password": "p@", "db": 0}),
    ],
)
def test_the_usual_spellings_are_understood(url: str, expected: dict[str, object]) -> None:
    assert expected.items() <= connection_of(url).items()


@pytest.mark.parametrize(
    "url", ["rediss://h", "valkeys://h", "rediss+sentinel://h/prime", "valkeys+sentinel://h/prime"]
)
def test_the_encrypted_schemes_use_tls(url: str) -> None:
    assert "SSL" in type(open_pool(url, timeout_seconds=1).make_connection()).__name__


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis+cluster://h", "names redis+cluster://, which is not supported"),
        ("http://h", "names http://, which is not supported"),
        ("h:6379", "is no Redis address"),
        ("redis://", "is no Redis address"),
        ("redis://h:port", "is no Redis address"),
        ("redis://[", "is no Redis address"),
        ("unix://", "is no Redis address"),
        ("redis://h/first", "holds a database that is no number"),
        ("redis://h/0?colour=red", "holds the option 'colour', which is not supported"),
        ("redis+sentinel://h:26379", "names Sentinels, but no service after the hosts"),
        ("redis+sentinel://h/", "names Sentinels, but no service after the hosts"),
        ("redis+sentinel://h/prime/first", "names Sentinels, but no service after the hosts"),
        ("redis+sentinel://h,,i/prime", "names a Sentinel that is no host or host:port"),
        ("redis+sentinel://h:port/prime", "names a Sentinel that is no host or host:port"),
        ("redis+sentinel://h/prime?colour=red", "holds the option 'colour', which is not supported"),
    ],
)
def test_what_is_not_understood_is_rejected_by_name(url: str, told: str) -> None:
    with pytest.raises(BadAddress) as refused:
        open_pool(url, timeout_seconds=1)

    assert str(refused.value) == told


def test_the_place_for_people_holds_no_secret() -> None:
    url = "redis+sentinel://u:Hidden-1@a:1,b:2/prime/0?sentinel_password=Hidden-2"
    assert place_of(url) == "redis+sentinel://a:1,b:2/prime/0"
