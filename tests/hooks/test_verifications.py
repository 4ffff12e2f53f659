"""The life of a code, a user's or a backend's, as other services get it."""

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from otp_service.verifications.sweeping import sweep
from tests.api import Api
from tests.backends.verifications.shops import Shop, code_at
from tests.conftest import Time
from tests.factories import Person, code_on_phone, log_in, sign_in, wrong_code
from tests.hooks.sending import add_hook, turn
from tests.hooks.test_what_happens import events


@pytest.fixture
def hook(service: Flask) -> None:
    """A hook that gets the events of verifications."""
    add_hook(service, "http://127.0.0.1:9/", "verification.*")


def told(app: Flask) -> list[tuple[str, str]]:
    """The types of all events, each with the id of its verification."""
    turn(app)
    return [(got.type.removeprefix("verification."), got.json["data"]["verificationId"]) for got in events(app)]


@pytest.mark.usefixtures("hook")
def test_a_users_code_is_sent_and_approved(service: Flask, api: Api, sinch: Simulator, ada: Person) -> None:
    sign_in(api, sinch, ada)

    (sent, of_sent), (approved, of_approved) = told(service)
    assert (sent, approved, of_sent) == ("sent", "approved", of_approved)
    data = events(service)[0].json["data"]
    masked = f"+1******{ada.phone_number[-4:]}"
    assert data == {
        "userId": ada.id, "verificationId": of_sent, "phoneNumber": masked, "channel": "sms", "country": "US",
    }  # fmt: skip


@pytest.mark.usefixtures("hook")
def test_a_users_code_that_is_entered_by_name_is_approved(
    service: Flask, api: Api, sinch: Simulator, ada: Person
) -> None:
    api.post("/auth/request-otp", {"email": ada.email})
    api.post("/auth/verify-otp", {"email": ada.email, "otpCode": code_on_phone(sinch, ada)})

    assert [name for name, _ in told(service)] == ["sent", "approved"]


@pytest.mark.usefixtures("hook")
def test_a_users_code_fails_after_five_wrong_ones(service: Flask, api: Api, sinch: Simulator, ada: Person) -> None:
    challenge = log_in(api, ada)["challengeToken"]
    right = code_on_phone(sinch, ada)
    for number in range(1, 6):
        api.post("/auth/verify-otp", {"challengeToken": challenge, "otpCode": wrong_code(right, number)})

    assert [name for name, _ in told(service)] == ["sent", "failed"]


@pytest.mark.usefixtures("hook")
def test_a_users_code_expires(service: Flask, api: Api, sinch: Simulator, ada: Person, time: Time) -> None:
    log_in(api, ada)
    time.advance(3_600)
    with service.app_context():
        sweep()

    assert [name for name, _ in told(service)] == ["sent", "expired"]


@pytest.mark.usefixtures("hook")
def test_a_users_code_that_cannot_be_sent_is_undelivered(
    service: Flask, api: Api, sinch: Simulator, ada: Person
) -> None:
    sinch.set_fault("status", "start", status_code=400, times=1)

    log_in(api, ada)

    assert [name for name, _ in told(service)] == ["sent", "undelivered"]


@pytest.mark.usefixtures("hook")
def test_a_verification_of_a_backend_has_its_app_its_id_and_its_reference(service: Flask, sinch: Simulator) -> None:
    shop = Shop(service, name="shop")
    started = shop.started(reference="order 7")
    assert shop.check(started["id"], code_at(sinch, started["phoneNumber"])).status_code == 200

    assert told(service) == [("sent", started["id"]), ("approved", started["id"])]
    data = events(service)[1].json["data"]
    masked = f"+1******{started['phoneNumber'][-4:]}"
    assert data == {"verificationId": started["id"], "app": "shop", "reference": "order 7", "phoneNumber": masked}
