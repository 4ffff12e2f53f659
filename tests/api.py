"""A client of the JSON API as tests use it."""

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


class Api:
    """Sends JSON to `/api/v1`; every call opens a client of its own, so that threads can share it."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def post(self, path: str, body: Any = None, *, token: str | None = None, **options: Any) -> Answer:
        """POST a JSON body."""
        return self.send("POST", path, json=body, token=token, **options)

    def get(self, path: str, *, token: str | None = None, **options: Any) -> Answer:
        """GET."""
        return self.send("GET", path, token=token, **options)

    def send(self, method: str, path: str, *, token: str | None = None, **options: Any) -> Answer:
        """Send anything. A path that starts with `//` is taken from the root."""
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if options.get("json", ...) is None:
            del options["json"]
        url = path[1:] if path.startswith("//") else f"/api/v1{path}"
        return cast(Answer, FlaskClient(self.app, Answer).open(url, method=method, headers=headers, **options))


def is_refused(response: TestResponse) -> bool:
    """Whether a token or code got the one answer that tells no reason."""
    return (response.status_code, (response.json or {}).get("message")) == (401, "Invalid or expired token.")
