"""Builds the OpenAPI 3.1 document out of the contracts that stand beside the routes."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from marshmallow import Schema, fields
from werkzeug.routing import Rule

from otp_service.core.api import EMPTY, Contract

TITLE = "otp_service"
_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
_ANYWHERE = (429, 500, 503)
_WITH_BODY = (400, 413, 415)
_PATH_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


class FieldFault(Schema):
    """What is wrong with one field."""

    field = fields.String(required=True)
    message = fields.String(required=True)


class Error(Schema):
    """Every answer that is not a success."""

    status = fields.String(required=True, metadata={"const": "error"})
    statusCode = fields.Integer(required=True)  # noqa: N815 - the name on the wire
    code = fields.String(required=True)
    message = fields.String(required=True)
    errors = fields.List(fields.Nested(FieldFault))
    retryAfter = fields.Integer(metadata={"minimum": 1})  # noqa: N815
    requestId = fields.String()  # noqa: N815


def document(app: Flask, *, version: str) -> dict[str, Any]:
    """The document of all routes that have a contract. Raises LookupError for a route without one."""
    spec = APISpec(
        title=TITLE,
        version=version,
        openapi_version="3.1.0",
        info={"description": "Phone verification and second factors. JSON in, JSON out.", "license": {"name": "MIT"}},
        plugins=[MarshmallowPlugin(schema_name_resolver=_name)],
    )
    spec.components.security_scheme("accessToken", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    spec.components.schema("Error", schema=Error)
    _add_problem(spec)
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if rule.endpoint != "static":
            spec.path(path=_PATH_PARAMETER.sub(r"{\1}", rule.rule), operations=dict(_operations(app, rule)))
    described: dict[str, Any] = spec.to_dict()
    return described


def _operations(app: Flask, rule: Rule) -> Iterator[tuple[str, dict[str, Any]]]:
    view = app.view_functions[rule.endpoint]
    contract: Contract | None = getattr(view, "contract", None)
    if contract is None:
        raise LookupError(f"{rule.rule} has no @api contract")
    needs_token = getattr(view, "needs_token", False)
    for method in sorted((rule.methods or set()) & _METHODS):
        operation = {
            "operationId": f"{rule.endpoint.replace('.', '_')}",
            "summary": (view.__doc__ or "").strip().splitlines()[0],
            "tags": [rule.endpoint.partition(".")[0]],
            "responses": _responses(contract, needs_token=needs_token),
        }
        if contract.body is not None:
            content = {"application/json": {"schema": contract.body}}
            operation["requestBody"] = {"required": True, "content": content}
        if contract.query is not None:
            operation["parameters"] = [{"in": "query", "schema": contract.query}]
        if needs_token:
            operation["security"] = [{"accessToken": []}]
        yield method.lower(), operation


def _responses(contract: Contract, *, needs_token: bool) -> dict[str, Any]:
    good = contract.status if contract.out else EMPTY
    success: dict[str, Any] = {"description": HTTPStatus(good).phrase}
    if contract.out:
        success["content"] = {"application/json": {"schema": contract.out}}
    elif contract.personal is False:
        good, success = 200, {"description": "OK", "content": {"application/json": {"schema": {"type": "object"}}}}
    statuses = {*contract.errors, *_ANYWHERE, *(_WITH_BODY if contract.body else ()), *((401,) if needs_token else ())}
    return {str(good): success, **{str(status): _error(status) for status in sorted(statuses)}}


def _error(status: int) -> dict[str, Any]:
    content = {
        "application/json": {"schema": "Error"},
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
    }
    answer: dict[str, Any] = {"description": HTTPStatus(status).phrase, "content": content}
    if status in {429, 503}:
        seconds = {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds until a retry makes sense."}
        answer["headers"] = {"Retry-After": seconds}
    return answer


def _add_problem(spec: APISpec) -> None:
    texts = ("type", "title", "detail", "instance", "code", "requestId")
    properties: dict[str, Any] = {name: {"type": "string"} for name in texts}
    properties |= {"status": {"type": "integer"}, "retryAfter": {"type": "integer"}}
    properties["errors"] = {"type": "array", "items": {"$ref": "#/components/schemas/FieldFault"}}
    spec.components.schema("Problem", {"type": "object", "properties": properties, "description": "RFC 9457"})


def _name(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return kind.__name__.removeprefix("_")
