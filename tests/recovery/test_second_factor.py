"""An account with a second factor needs it to reset the password."""

from typing import Any

import pytest
from flask import Flask

from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import Time
from tests.factories import PASSWORD, Person, make_person, sign_in, wrong_code
from tests.factors.totp.authenticator import STEP, AuthenticatorApp, enrol
from tests.parallel import at_once
from tests.recovery.resets import NEW, can_sign_in, confirm, reset_code


class Careful:
    """Somebody with an authenticator app and backup codes, who has just asked for a reset."""

    def __init__(self, app: Flask, api: Api, sinch: Simulator, time: Time) -> None:
        self.api = api
        self.person: Person = make_person(app)
        self.phone_app: AuthenticatorApp
        self.phone_app, self.backup_codes = enrol(api, sign_in(api, sinch, self.person)["token"])
        time.advance(120)
        self.code = reset_code(api, sinch, self.person)

    def confirm(self, code_on_phone: str | None = None, **second: Any) -> tuple[int, str]:
        """Status and code of an answer."""
        more: dict[str, Any] = {"secondFactor": second} if second else {}
        response = confirm(self.api, self.person.email, code_on_phone or self.code, **more)
        return response.status_code, (response.json or {}).get("code", "")


@pytest.fixture
def careful(app: Flask, api: Api, sinch: Simulator, time: Time) -> Careful:
    """See above."""
    return Careful(app, api, sinch, time)


def test_without_it_the_methods_are_told_and_the_code_stays_good(careful: Careful) -> None:
    response = confirm(careful.api, careful.person.email, careful.code)
    assert (response.status_code, response.json["code"]) == (403, "second_factor_required")
    assert (response.json["methods"], response.json["options"]) == (["totp", "backup_code"], {})
    assert can_sign_in(careful.api, careful.person.email, PASSWORD)
    assert careful.confirm(method="totp", code=careful.phone_app.code()) == (204, "")
    assert can_sign_in(careful.api, careful.person.email, NEW)


def test_nothing_of_it_is_told_before_the_code_was_right(careful: Careful, sinch: Simulator) -> None:
    wrong = wrong_code(careful.code)
    assert careful.confirm(wrong) == (401, "otp_invalid")
    assert careful.confirm(wrong, method="totp", code=careful.phone_app.code()) == (401, "otp_invalid")
    assert careful.confirm(method="totp", code=careful.phone_app.code()) == (204, "")


def test_a_backup_code_will_do_and_is_used_up(careful: Careful) -> None:
    assert careful.confirm(method="backup_code", code=careful.backup_codes[0]) == (204, "")
    login = careful.api.post("/auth/login", {"email": careful.person.email, "password": NEW}).json
    body = {"challengeToken": login["challengeToken"], "code": careful.backup_codes[0]}
    assert careful.api.post("/auth/mfa/backup-code", body).status_code == 401


def test_a_wrong_one_resets_nothing_and_leaves_the_code_good(careful: Careful) -> None:
    assert careful.confirm(method="totp", code=careful.phone_app.wrong_code()) == (401, "otp_invalid")
    assert careful.confirm(method="totp", code=careful.phone_app.code()) == (204, "")


def test_a_refused_password_spends_neither_code(careful: Careful) -> None:
    second = {"method": "totp", "code": careful.phone_app.code()}
    response = confirm(careful.api, careful.person.email, careful.code, "weak", secondFactor=second)
    assert response.status_code == 400
    assert careful.confirm(**second) == (204, "")


def test_the_phone_is_not_its_own_second_factor(careful: Careful) -> None:
    assert careful.confirm(method="sms", code=careful.code) == (403, "second_factor_required")
    assert careful.confirm(method="callout", code=careful.code) == (403, "second_factor_required")
    assert can_sign_in(careful.api, careful.person.email, PASSWORD)


def test_of_10_parallel_resets_one_wins(careful: Careful) -> None:
    second = {"method": "totp", "code": careful.phone_app.code()}
    statuses = [status for status, _ in at_once(10, lambda _: careful.confirm(**second))]
    assert statuses.count(204) == 1
    assert set(statuses) <= {204, 401, 429, 503}


def test_a_factor_that_wrong_codes_had_disabled_works_again_after_the_recovery(
    careful: Careful, app: Flask, time: Time
) -> None:
    from otp_service.core import clock
    from otp_service.core.web.tracing import ClientInfo
    from otp_service.factors import throttle

    with app.app_context():
        for _ in range(throttle.DISABLED_AT):
            client = ClientInfo(ip="", agent="")
            throttle.take(careful.person.id, "totp", client=client, now=clock.now(), per_hour=1_000)
    assert careful.confirm(method="totp", code=careful.phone_app.code())[1] == "authenticator_disabled"
    assert careful.confirm(method="backup_code", code=careful.backup_codes[0]) == (204, "")
    time.advance(STEP)
    login = careful.api.post("/auth/login", {"email": careful.person.email, "password": NEW}).json
    body = {"challengeToken": login["challengeToken"], "code": careful.phone_app.code()}
    assert careful.api.post("/auth/mfa/totp", body).status_code == 200
