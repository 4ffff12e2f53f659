"""GET /devices and the ends of trust."""

import pytest

from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factors.trusted_devices.conftest import Recognizes, Remember, remember_on
from tests.sessions.conftest import SignedIn

pytestmark = pytest.mark.one_database

DAY = 86_400
SOME_ID = "00000000-0000-4000-8000-000000000000"


def devices_of(api: Api, who: SignedIn) -> list[dict[str, str]]:
    response = api.get("/devices", token=who.token)
    assert response.status_code == 200, response.json
    return list(response.json["devices"])


def test_a_person_sees_their_devices_and_no_token(api: Api, alice: SignedIn, bob: SignedIn, remember: Remember) -> None:
    token = remember(alice)
    (device,) = devices_of(api, alice)
    assert set(device) == {"id", "ip", "agent", "createdAt", "lastUsedAt", "expiresAt"}
    assert (device["ip"], device["agent"]) == ("192.0.2.7", "A laptop")
    assert token not in str(device)
    assert devices_of(api, bob) == []


def test_the_device_used_last_comes_first(
    api: Api, time: Time, alice: SignedIn, remember: Remember, recognizes: Recognizes
) -> None:
    first, second = remember(alice), remember(alice)
    time.advance(60)
    recognizes(alice, first)
    before = devices_of(api, alice)
    time.advance(60)
    recognizes(alice, second)
    after = devices_of(api, alice)
    assert [device["id"] for device in after] == [device["id"] for device in reversed(before)]
    assert after[0]["lastUsedAt"] > before[0]["lastUsedAt"]


def test_an_ended_device_is_trusted_no_more_at_once(
    api: Api, alice: SignedIn, remember: Remember, recognizes: Recognizes
) -> None:
    token, kept = remember(alice), remember(alice)
    recognizes(alice, kept)
    id = devices_of(api, alice)[-1]["id"]
    assert api.send("DELETE", f"/devices/{id}", token=alice.token).status_code == 204
    assert not recognizes(alice, token)
    assert recognizes(alice, kept)
    again = api.send("DELETE", f"/devices/{id}", token=alice.token)
    assert (again.status_code, again.json["code"]) == (404, "device_not_found")


def test_all_devices_can_be_ended_at_once(
    api: Api, alice: SignedIn, bob: SignedIn, remember: Remember, recognizes: Recognizes
) -> None:
    tokens, others = [remember(alice), remember(alice)], remember(bob)
    assert api.send("DELETE", "/devices", token=alice.token).status_code == 204
    assert devices_of(api, alice) == []
    assert not any(recognizes(alice, token) for token in tokens)
    assert recognizes(bob, others)


def test_another_persons_device_is_not_found(
    api: Api, alice: SignedIn, bob: SignedIn, remember: Remember, recognizes: Recognizes
) -> None:
    token = remember(alice)
    id = devices_of(api, alice)[0]["id"]
    assert api.send("DELETE", f"/devices/{id}", token=bob.token).status_code == 404
    assert recognizes(alice, token)


def test_devices_need_an_access_token(api: Api) -> None:
    for method, path in (("GET", "/devices"), ("DELETE", "/devices"), ("DELETE", f"/devices/{SOME_ID}")):
        assert api.send(method, path).status_code == 401, (method, path)


def test_a_device_that_expired_is_not_listed(api: Api, make_app: MakeApp, time: Time, alice: SignedIn) -> None:
    remember_on(make_app(TRUSTED_DEVICE_DAYS="1"), alice)
    assert len(devices_of(api, alice)) == 1
    time.advance(DAY + 1)
    later = api.post("/auth/refresh", {"refreshToken": alice.refresh_token}).json
    assert devices_of(api, SignedIn(alice.person, later)) == []
