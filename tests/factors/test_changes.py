"""The consequences of any change of a person's factors."""

from collections.abc import Callable

import pytest
from flask import Flask

from otp_service.audit import COMMAND_LINE
from otp_service.core import clock
from otp_service.factors import throttle
from otp_service.factors.throttle import DISABLED_AT
from otp_service.selfservice import interventions
from tests.api import Api
from tests.factors.throttles import disabled
from tests.factors.totp import authenticator as app_of
from tests.factors.trusted_devices.conftest import recognizes_on, remember_on
from tests.factors.webauthn.conftest import alice, enrolled, signed_in_by_phone
from tests.sessions.conftest import SignedIn

__all__ = ["alice", "signed_in_by_phone"]


def remove_app(_: Flask, api: Api, who: SignedIn) -> None:
    assert api.send("DELETE", "/factors/totp", token=who.token).status_code == 204


def remove_passkey(_: Flask, api: Api, who: SignedIn) -> None:
    factors = api.get("/factors", token=who.token).json["factors"]
    id = next(one["id"] for one in factors if one["type"] == "webauthn")
    assert api.send("DELETE", f"/factors/webauthn/{id}", token=who.token).status_code == 204


def reset_by_operator(app: Flask, _: Api, who: SignedIn) -> None:
    with app.app_context():
        interventions.reset_factors(who.person.id)


@pytest.mark.parametrize("remove", [remove_app, remove_passkey, reset_by_operator])
def test_with_any_factor_that_is_removed_trust_in_devices_ends(
    app: Flask, api: Api, alice: SignedIn, remove: Callable[[Flask, Api, SignedIn], None]
) -> None:
    app_of.enrol(api, alice.token)
    enrolled(api, alice)
    token = remember_on(app, alice)
    assert recognizes_on(app, alice, str(token))
    remove(app, api, alice)
    assert not recognizes_on(app, alice, str(token))


def test_a_disabled_kind_of_factor_works_again_once_another_is_added(app: Flask, api: Api, alice: SignedIn) -> None:
    user_id = alice.person.id
    enrolled(api, alice)
    with app.app_context():
        for _ in range(DISABLED_AT):
            throttle.take(user_id, "webauthn", client=COMMAND_LINE, now=clock.now(), per_hour=DISABLED_AT)
        assert disabled(user_id) == {"webauthn"}
    enrolled(api, alice)
    with app.app_context():
        assert disabled(user_id) == set()
