"""A browser with a page of the session: it keeps our cookies, sends them along, and holds the session's CSRF token."""

from http.cookies import Morsel, SimpleCookie
from typing import Any

from werkzeug.test import TestResponse

from otp_service.simulator import Simulator
from tests.api import Answer, Api
from tests.factories import Person, code_on_phone, log_in

BY_COOKIE = {"X-Token-Transport": "cookie"}


def cookies_of(response: TestResponse) -> dict[str, Morsel[str]]:
    """The cookies that a response sets, by name."""
    found = SimpleCookie()
    for line in response.headers.getlist("Set-Cookie"):
        found.load(line)
    return dict(found)


class Browser:
    """Sends requests as a page does. `csrf_token` is what the last response with tokens gave."""

    def __init__(self, api: Api, **always: str) -> None:
        self.api = api
        self.always = {name.replace("_", "-"): value for name, value in always.items()}
        self.jar: dict[str, str] = {}
        self.csrf_token = ""
        self.access_token = ""

    def sign_in(self, sinch: Simulator, person: Person) -> Answer:
        """Sign in with password and code, and ask for the cookie."""
        challenge = log_in(self.api, person)["challengeToken"]
        body = {"challengeToken": challenge, "otpCode": code_on_phone(sinch, person)}
        return self.post("/auth/verify-otp", body, headers=BY_COOKIE)

    def post(self, path: str, body: Any = None, *, headers: dict[str, str] | None = None, **options: Any) -> Answer:
        """POST with the cookies; without more headers than those that the test names."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        sent = {**self.always, **(headers or {}), **({"Cookie": cookie} if cookie else {})}
        response = self.api.post(path, body, headers=sent, **options)
        for name, morsel in cookies_of(response).items():
            if morsel["max-age"] == "0":
                self.jar.pop(name, None)
            else:
                self.jar[name] = morsel.value
        given = response.json if response.data else {}
        self.csrf_token = given.get("csrfToken", self.csrf_token)
        self.access_token = given.get("token", self.access_token)
        return response

    def refresh(self, **options: Any) -> Answer:
        """Refresh as a page does."""
        return self.post("/auth/refresh", {}, headers=self.csrf(), **options)

    def csrf(self) -> dict[str, str]:
        """The header that shows whose page sends a request."""
        return {"X-CSRF-Token": self.csrf_token}

    def twin(self) -> "Browser":
        """The same browser at another moment: a second tab, or a response that got lost."""
        twin = Browser(self.api)
        twin.always, twin.jar = self.always, dict(self.jar)
        twin.csrf_token, twin.access_token = self.csrf_token, self.access_token
        return twin
