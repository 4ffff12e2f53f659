"""A client of the JSON API as tests use it."""

from http import HTTPStatus
from typing import Any, cast

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse


class Answer(TestResponse):
    """A response whose body is read as JSON; that there may be none is no concern of the types."""

    @property
    def json(self) -> Any:
        """The body, parsed; None if it is no JSON."""
        return self.get_json()


GIVE_A_NEW_TOKEN = (
    "/factors/totp/confirm",
    "/factors/webauthn",
    "/factors/backup-codes",
    "/account/phone/verify",
    "/auth/verify-email",
)
"""Changes after which the session goes on with the access token of the response."""


class Api:
    """Sends JSON to `/api/v1`; every call opens a client of its own, so that threads can share it.

    As a client does, it goes on with the new access token after a change, wherever a test still names the one before.
    After the removal of a factor, whose response has no token, it refreshes.
    """

    def __init__(self, app: Flask) -> None:
        self.app = app
        self._newer: dict[str, str] = {}
        self._refresh_tokens: dict[str, str] = {}

    def post(self, path: str, body: Any = None, *, token: str | None = None, **options: Any) -> Answer:
        """POST a JSON body."""
        return self.send("POST", path, json=body, token=token, **options)

    def get(self, path: str, *, token: str | None = None, **options: Any) -> Answer:
        """GET."""
        return self.send("GET", path, token=token, **options)

    def send(self, method: str, path: str, *, token: str | None = None, **options: Any) -> Answer:
        """Send anything. A path that starts with `//` is taken from the root."""
        headers = dict(options.pop("headers", {}))
        while token is not None and token in self._newer:
            token = self._newer[token]
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if options.get("json", ...) is None:
            del options["json"]
        url = path[1:] if path.startswith("//") else f"/api/v1{path}"
        client = FlaskClient(self.app, Answer, use_cookies=False)  # which would drop a Cookie header
        answer = cast(Answer, client.open(url, method=method, headers=headers, **options))
        self._follow(method, path, token, answer)
        return answer

    def _follow(self, method: str, path: str, token: str | None, answer: Answer) -> None:
        is_json = bool(answer.data) and answer.mimetype == "application/json"  # a response to HEAD has no body
        given = answer.json if is_json and isinstance(answer.json, dict) else {}
        if "refreshToken" in given and "token" in given:
            self._refresh_tokens[given["token"]] = given["refreshToken"]
        if token is None:
            return
        if "token" in given and token in self._refresh_tokens:
            self._refresh_tokens[given["token"]] = self._refresh_tokens[token]
        if path in GIVE_A_NEW_TOKEN and "token" in given:
            self._newer[token] = given["token"]
        elif method == "DELETE" and path.startswith("/factors/") and answer.status_code == HTTPStatus.NO_CONTENT:
            refreshed = self.post("/auth/refresh", {"refreshToken": self._refresh_tokens.get(token, "")})
            if refreshed.status_code == HTTPStatus.OK:
                self._newer[token] = refreshed.json["token"]


def is_refused(response: TestResponse) -> bool:
    """Whether a token or code got the one answer that tells no reason."""
    return (response.status_code, (response.json or {}).get("message")) == (401, "Invalid or expired token.")
