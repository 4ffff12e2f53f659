"""Settings: what is understood, and what stops the start."""

from pathlib import Path
from typing import Any

import pytest

from otp_service.sinch.settings import SinchSettings
from tests.sinch.conftest import KEY, SECRET


@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        ("https://verification.api.sinch.com", "https://verification.api.sinch.com/verification/v1"),
        ("https://verification.api.sinch.com/", "https://verification.api.sinch.com/verification/v1"),
        ("https://host/verification/v1", "https://host/verification/v1"),
        ("https://host/verification/v1/", "https://host/verification/v1"),
        ("verification.api.sinch.com", "https://verification.api.sinch.com/verification/v1"),
        ("http://127.0.0.1:8099", "http://127.0.0.1:8099/verification/v1"),
        ("http://[::1]:8099", "http://[::1]:8099/verification/v1"),
    ],
)
def test_a_base_url_may_name_the_api_or_leave_it_out(base_url: str, root: str) -> None:
    assert SinchSettings(KEY, SECRET, base_url).root == root


@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": ""},
        {"base_url": "ftp://host"},
        {"base_url": "https://host/elsewhere"},
        {"base_url": "https://host?x=y"},
        {"base_url": "https://user@host"},
        {"base_url": "https://host:port"},
        {"base_url": "https://host:0"},
        {"base_url": "http://host", "auth": "basic"},
        {"key": ""},
        {"key": "a:b"},
        {"key": "a\r\nb"},
        {"secret": "not base64!"},
        {"secret": "", "auth": "basic"},
        {"auth": "none"},
        {"ca_bundle": "/nowhere.pem"},
        {"connect_timeout_seconds": 0},
        {"pool_size": 0},
        {"max_in_flight": -1},
    ],
)
def test_what_cannot_work_is_refused_at_once(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        SinchSettings(**({"key": KEY, "secret": SECRET} | changes))
    assert SECRET not in str(caught.value)


def test_the_secret_is_not_shown() -> None:
    assert SECRET not in repr(SinchSettings(KEY, SECRET))


def test_a_bundle_of_authorities_can_be_named(tmp_path: Path) -> None:
    bundle = tmp_path / "authorities.pem"
    bundle.write_text("")
    assert SinchSettings(KEY, SECRET, ca_bundle=str(bundle)).ca_bundle == str(bundle)
