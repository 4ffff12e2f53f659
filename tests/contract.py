"""Compares what the service answers with what its OpenAPI document says."""

import re
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

from flask import Flask, Response, current_app, request
from jsonschema import Draft202012Validator

from otp_service.ops.openapi import document

LONGEST_BODY = 20_000  # longer ones are not looked into: some tests measure how long an answer takes


class Conformity:
    """Notes every answer that the document does not name: its status, its type, the shape of its body."""

    def __init__(self) -> None:
        # By application, not by its id: that of one which is gone becomes another's.
        self._documents = WeakKeyDictionary[Flask, dict[str, Any]]()
        self._validators = WeakKeyDictionary[Flask, dict[str, Draft202012Validator]]()
        self._strangers: set[str] = set()

    def watch(self, response: Response) -> Response:
        """Look at one answer."""
        if request.url_rule is not None:
            described = self._document()
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", request.url_rule.rule)
            operation = described["paths"].get(path, {}).get(request.method.lower())
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

    def _faults(self, described: dict[str, Any], operation: dict[str, Any], response: Response) -> Iterator[str]:
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
            validator = self._validator(described, content[response.mimetype]["schema"])
            yield from (f": {error.json_path} {error.message}" for error in validator.iter_errors(response.json))

    def _validator(self, described: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
        made = self._validators.setdefault(_application(), {})
        key = repr(schema)
        if key not in made:
            made[key] = Draft202012Validator({**schema, "components": described["components"]})
        return made[key]

    def _document(self) -> dict[str, Any]:
        app = _application()
        if app not in self._documents:
            self._documents[app] = document(app, version="test")
        return self._documents[app]


def _application() -> Flask:
    return current_app._get_current_object()  # type: ignore[attr-defined,no-any-return]
