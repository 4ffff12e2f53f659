"""A reset of the password does not get round a passkey."""

from typing import Any

from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import Time
from tests.factors.webauthn.authenticator import Authenticator, Lies
from tests.factors.webauthn.conftest import REFUSAL, begin, enrolled, refusal
from tests.recovery.resets import NEW, can_sign_in, confirm, reset_code
from tests.sessions.conftest import SignedIn


def begun_reset(api: Api, sinch: Simulator, time: Time, alice: SignedIn) -> tuple[Authenticator, str, dict[str, Any]]:
    """A passkey, the code that came, and the options that the first answer names."""
    key = enrolled(api, alice)
    time.advance(121)
    code = reset_code(api, sinch, alice.person)
    refused = confirm(api, alice.person.email, code)
    assert (refused.status_code, refused.json["code"]) == (403, "second_factor_required"), refused.json
    assert "webauthn" in refused.json["methods"]
    return key, code, refused.json["options"]["webauthn"]


def shown(credential: dict[str, Any]) -> dict[str, Any]:
    return {"secondFactor": {"method": "webauthn", "credential": credential}}


def test_code_and_passkey_set_the_password(api: Api, sinch: Simulator, time: Time, alice: SignedIn) -> None:
    key, code, options = begun_reset(api, sinch, time, alice)
    response = confirm(api, alice.person.email, code, **shown(key.get(options)))
    assert response.status_code == 204, response.json
    assert can_sign_in(api, alice.person.email, NEW)


def test_a_wrong_signature_sets_nothing(api: Api, sinch: Simulator, time: Time, alice: SignedIn) -> None:
    key, code, options = begun_reset(api, sinch, time, alice)
    wrong = shown(key.get(options, Lies(bad_signature=True)))
    assert refusal(confirm(api, alice.person.email, code, **wrong)) == REFUSAL
    assert not can_sign_in(api, alice.person.email, NEW)


def test_a_signature_for_a_sign_in_sets_nothing(api: Api, sinch: Simulator, time: Time, alice: SignedIn) -> None:
    key, code, _ = begun_reset(api, sinch, time, alice)
    _, options = begin(api, alice.person)
    assert refusal(confirm(api, alice.person.email, code, **shown(key.get(options)))) == REFUSAL
