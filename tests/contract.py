"""Compares what the service answers with what its OpenAPI document says."""

import re
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

from flask import Flask, Response, current_app, request
from jsonschema import Draft202012Validator

from otp_service.ops.openapi import document

LONGEST_BODY = 20_000  # longer ones are not looked into: some tests measure how long an answer takes


class Described:
    """An application's document, and what checks bodies by it."""

    def __init__(self, app: Flask) -> None:
        self._document = document(app, version="test")
        self._validators: dict[str, Draft202012Validator] = {}

    def operation(self, path: str, method: str) -> dict[str, Any] | None:
        """What is said of a route and method."""
        found: dict[str, Any] | None = self._document["paths"].get(path, {}).get(method.lower())
        return found

    def faults(self, schema: dict[str, Any], body: Any) -> Iterator[str]:
        """How a body departs from a schema of the document."""
        key = repr(schema)
        if key not in self._validators:
            self._validators[key] = Draft202012Validator({**schema, "components": self._document["components"]})
        return (f": {error.json_path} {error.message}" for error in self._validators[key].iter_errors(body))


class Conformity:
    """Notes every answer that the document does not name: its status, its type, the shape of its body."""

    def __init__(self) -> None:
        # By application, not by its id: that of one which is gone becomes another's. Most have the same routes.
        self._by_app = WeakKeyDictionary[Flask, Described]()
        self._by_routes: dict[tuple[Any, ...], Described] = {}
        self._strangers: set[str] = set()

    def watch(self, response: Response) -> Response:
        """Look at one answer."""
        if request.url_rule is not None:
            described = self._described()
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", request.url_rule.rule)
            operation = described.operation(path, request.method)
            if operation is not None:
                told = f"{request.method} {path} answered {response.status_code}"
                self._strangers |= {f"{told}{fault}" for fault in self._faults(described, operation, response)}
            elif request.method not in {"OPTIONS", "HEAD"}:
                self._strangers.add(f"{request.method} {path} is not documented")
        return response

    def check(self) -> None:
        """Fail the test that saw an answer outside the document."""
        found, self._strangers = self._strangers, set()
        assert not found, sorted(found)

    def _faults(self, described: Described, operation: dict[str, Any], response: Response) -> Iterator[str]:
        answer = operation["responses"].get(str(response.status_code))
        if answer is None:
            yield ", which is not documented"
            return
        if answer.get("x-may-be-empty") and not response.get_data():
            return
        content = answer.get("content", {})
        if not content and response.get_data():
            yield " with a body, which is not documented"
        elif content and response.mimetype not in content:
            yield f" as {response.mimetype}, which is not documented"
        elif content and len(response.get_data()) <= LONGEST_BODY:
            yield from described.faults(content[response.mimetype]["schema"], response.json)

    def _described(self) -> Described:
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        if app not in self._by_app:
            routes = _routes(app)
            if routes not in self._by_routes:
                self._by_routes[routes] = Described(app)
            self._by_app[app] = self._by_routes[routes]
        return self._by_app[app]


def _routes(app: Flask) -> tuple[Any, ...]:
    """What the document follows from: the views with their contracts, and where they are."""
    rules = sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint))
    return tuple((rule.rule, *sorted(rule.methods or ()), app.view_functions[rule.endpoint]) for rule in rules)
