"""Builds the OpenAPI 3.1 document from the contracts of the routes (see core.web.api)."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from marshmallow import Schema, fields, validate
from werkzeug.routing import Rule

from otp_service.core.web.api import ACCEPTED, EMPTY, Contract

TITLE = "otp_service"
_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
_ANYWHERE = (429, 500, 503)
_WITH_BODY = (400, 413, 415)
_REQUEST_SUFFIX = "In"
_PYTHON_END = r"\Z"
_SECONDS = {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds until a retry makes sense."}
_CHALLENGE = {"schema": {"type": "string"}, "description": "RFC 6750, section 3."}
_HEADERS = {401: {"WWW-Authenticate": _CHALLENGE}, 429: {"Retry-After": _SECONDS}, 503: {"Retry-After": _SECONDS}}
_PATH_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")
_ID = {"type": "string", "format": "uuid"}
_PATH_TYPES = {"int": {"type": "integer"}, "id": _ID, "uuid": _ID}


class FieldFault(Schema):
    """What is wrong with one field."""

    field = fields.String(required=True)
    message = fields.String(required=True)


class Error(Schema):
    """The body of every error response."""

    status = fields.String(required=True, metadata={"enum": ["error"]})
    statusCode = fields.Integer(required=True)  # noqa: N815 - the name on the wire
    code = fields.String(required=True, metadata={"examples": ["validation_failed", "otp_cooldown"]})
    message = fields.String(required=True, metadata={"description": "For people."})
    errors = fields.List(fields.Nested(FieldFault))
    retryAfter = fields.Integer(metadata={"minimum": 1, "description": "Seconds."})  # noqa: N815
    requestId = fields.String(required=True)  # noqa: N815


def document(app: Flask, *, version: str) -> dict[str, Any]:
    """Build the document of all routes. Raises LookupError for a route without a contract."""
    plugin = MarshmallowPlugin(schema_name_resolver=_name)
    spec = APISpec(
        title=TITLE,
        version=version,
        openapi_version="3.1.0",
        info={"description": "Phone verification and second factors. JSON in, JSON out.", "license": {"name": "MIT"}},
        plugins=[plugin],
    )
    if plugin.converter is not None:  # the library's type allows it; APISpec has just set it
        plugin.converter.add_attribute_function(_as_json_schema)  # type: ignore[no-untyped-call]
    spec.components.security_scheme("accessToken", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    spec.components.schema("Error", schema=Error)
    _add_problem(spec)
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if rule.endpoint != "static":
            spec.path(path=_PATH_PARAMETER.sub(r"{\2}", rule.rule), operations=dict(_operations(app, rule)))
    described: dict[str, Any] = spec.to_dict()
    _open_responses(described)
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
        parameters = [_path_parameter(kind, name) for kind, name in _PATH_PARAMETER.findall(rule.rule)]
        if contract.query is not None:
            parameters.append({"in": "query", "schema": contract.query})
        if parameters:
            operation["parameters"] = parameters
        if needs_token:
            operation["security"] = [{"accessToken": []}]
        yield method.lower(), operation


def _path_parameter(kind: str, name: str) -> dict[str, Any]:
    return {"in": "path", "name": name, "required": True, "schema": _PATH_TYPES.get(kind, {"type": "string"})}


def _responses(contract: Contract, *, needs_token: bool) -> dict[str, Any]:
    good = contract.status if contract.out else EMPTY
    success: dict[str, Any] = {"description": HTTPStatus(good).phrase}
    if contract.out:
        success["content"] = {"application/json": {"schema": contract.out}}
        if contract.may_be_empty:
            success["x-may-be-empty"] = True
    elif contract.personal is False:
        good, success = 200, {"description": "OK", "content": {"application/json": {"schema": {"type": "object"}}}}
    later = {} if contract.later is None else {str(ACCEPTED): _accepted(contract.later)}
    statuses = {*contract.errors, *_ANYWHERE, *(_WITH_BODY if contract.body else ()), *((401,) if needs_token else ())}
    errors = {status: _error(status, contract.others.get(status)) for status in {*statuses, *contract.others}}
    return {**later, str(good): success, **{str(status): errors[status] for status in sorted(errors)}}


def _accepted(schema: Schema) -> dict[str, Any]:
    return {"description": HTTPStatus.ACCEPTED.phrase, "content": {"application/json": {"schema": schema}}}


def _error(status: int, own: Schema | None) -> dict[str, Any]:
    """Describe an error response: in the two general formats for errors, or in its own."""
    content: dict[str, Any] = {"application/json": {"schema": own or "Error"}}
    if own is None:
        content["application/problem+json"] = {"schema": {"$ref": "#/components/schemas/Problem"}}
    response: dict[str, Any] = {"description": HTTPStatus(status).phrase, "content": content}
    if status in _HEADERS:
        response["headers"] = _HEADERS[status]
    return response


def _as_json_schema(_: Any, field: fields.Field[Any], ret: dict[str, Any], **__: Any) -> dict[str, Any]:
    """Correct what apispec gets wrong: JSON Schema patterns are ECMA's and unanchored, and OneOf narrows an enum."""
    schema: dict[str, Any] = {}
    if "pattern" in ret:
        schema["pattern"] = f"^(?:{ret['pattern'].removesuffix(_PYTHON_END)})$"
    for validator in field.validators:
        if isinstance(validator, validate.OneOf):
            schema["enum"] = [str(choice) for choice in validator.choices]
    return schema


def _open_responses(described: dict[str, Any]) -> None:
    """Allow more fields in responses: later versions may add some. Requests with an unknown field are rejected."""
    for name, schema in described["components"]["schemas"].items():
        if not name.endswith(_REQUEST_SUFFIX):
            schema.pop("additionalProperties", None)


def _add_problem(spec: APISpec) -> None:
    texts = ("type", "title", "detail", "instance", "code", "requestId")
    properties: dict[str, Any] = {name: {"type": "string"} for name in texts}
    properties |= {"status": {"type": "integer"}, "retryAfter": {"type": "integer"}}
    properties["errors"] = {"type": "array", "items": {"$ref": "#/components/schemas/FieldFault"}}
    spec.components.schema("Problem", {"type": "object", "properties": properties, "description": "RFC 9457"})


def _name(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return kind.__name__.removeprefix("_")
