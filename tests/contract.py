"""Compares what the service answers with what its OpenAPI document says."""

import re
from typing import Any

from flask import Flask, Response, current_app, request

from otp_service.ops.openapi import document


class Conformity:
    """Notes every answer that the document does not name."""

    def __init__(self) -> None:
        self._documents: dict[int, dict[str, Any]] = {}
        self._strangers: set[str] = set()

    def watch(self, response: Response) -> Response:
        """Look at one answer."""
        if request.url_rule is not None:
            described = self._document(current_app._get_current_object())  # type: ignore[attr-defined]
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", request.url_rule.rule)
            operation = described["paths"].get(path, {}).get(request.method.lower())
            if operation is None and request.method not in {"OPTIONS", "HEAD"}:
                self._strangers.add(f"{request.method} {path} is not documented")
            elif operation is not None and str(response.status_code) not in operation["responses"]:
                self._strangers.add(f"{request.method} {path} answered {response.status_code}, which is not documented")
        return response

    def check(self) -> None:
        """Fail the test that saw an answer outside the document."""
        found, self._strangers = self._strangers, set()
        assert not found, sorted(found)

    def _document(self, app: Flask) -> dict[str, Any]:
        if id(app) not in self._documents:
            self._documents[id(app)] = document(app, version="test")
        return self._documents[id(app)]
