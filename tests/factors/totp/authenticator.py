"""An authenticator app as its owner has it, and what is done with it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyotp

from otp_service.core import clock
from tests.api import Api
from tests.factories import Person, log_in

STEP = 30


@dataclass(frozen=True)
class AuthenticatorApp:
    """It knows the secret and the time."""

    secret: str

    def code(self, *, steps: int = 0) -> str:
        """What it shows now, or some steps from now."""
        return str(pyotp.TOTP(self.secret).at(clock.now() + timedelta(seconds=STEP * steps)))

    def wrong_code(self) -> str:
        """A code of no step that might count now."""
        near = {self.code(steps=steps) for steps in range(-3, 4)}
        return next(code for code in ("000000", "111111", *map(str, range(200_000, 200_010))) if code not in near)


def begin(api: Api, token: str) -> AuthenticatorApp:
    """Ask for a secret."""
    response = api.post("/factors/totp", token=token)
    assert response.status_code == 200, response.json
    return AuthenticatorApp(response.json["secret"])


def confirm(api: Api, token: str, code: Any) -> Any:
    """Show a first code."""
    return api.post("/factors/totp/confirm", {"code": code}, token=token)


def enrol(api: Api, token: str) -> tuple[AuthenticatorApp, list[str]]:
    """Add an app; the app, and the backup codes that came with it."""
    app = begin(api, token)
    response = confirm(api, token, app.code())
    assert response.status_code == 200, response.json
    return app, response.json.get("backupCodes", [])


def sign_in_with(api: Api, person: Person, code: Any, *, path: str = "totp", challenge: str | None = None) -> Any:
    """Password, then a code of the app (or of `path`)."""
    token = challenge or log_in(api, person)["challengeToken"]
    return api.post(f"/auth/mfa/{path}", {"challengeToken": token, "code": code})
