"""Makes apps with keys, as an operator does, and calls as a backend does."""

import itertools
from typing import Any

from flask import Flask

from otp_service.backends import apps
from otp_service.backends.app_keys import Key, Scope
from tests.api import Answer, Api

_serial = itertools.count(1)


def make_key(app: Flask, *scopes: Scope, name: str | None = None, **limits: Any) -> Key:
    """The first key of a new app with these scopes."""
    with app.app_context():
        return apps.create(name or f"app-{next(_serial)}", scopes=scopes, **{"sends_per_day": None, **limits})[1]


class Backend:
    """Calls the API with a key of its own."""

    def __init__(self, app: Flask, *scopes: Scope, name: str | None = None, **limits: Any) -> None:
        self.api = Api(app)
        self.name = name or f"backend-{next(_serial)}"
        self.key = make_key(app, *scopes, name=self.name, **limits)

    def get(self, path: str, **options: Any) -> Answer:
        """GET."""
        return self.send("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        """POST a JSON body."""
        return self.send("POST", path, json=body, **options)

    def send(self, method: str, path: str, *, key: str | None = None, **options: Any) -> Answer:
        """Send anything, with another key if one is given."""
        headers = {"Authorization": f"Bearer {key or self.key.text}", **options.pop("headers", {})}
        return self.api.send(method, path, headers=headers, **options)
