"""Builds the OpenAPI document: one operation for each route and method."""

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from marshmallow import Schema
from werkzeug.routing import Rule

from otp_service.core.web.api import ACCEPTED, EMPTY, Contract
from otp_service.core.web.body import FORM
from otp_service.ops.openapi import browser_cookies, error_responses, json_schemas, response_links
from otp_service.ops.openapi.error_responses import Error
from otp_service.ops.openapi.examples import Examples
from otp_service.ops.openapi.json_schemas import JsonSchema

TITLE = "otp_service"
ABOUT = """Phone verification and second factors. JSON in, JSON out.

Keys are camelCase, times are UTC in ISO 8601, numbers are E.164. Requests with an unknown field are rejected. Null in
an optional field means that it is absent. Every error has the form of `Error`, with a stable `code`."""
LICENSE = {"name": "MIT", "url": "https://opensource.org/license/mit"}
TAGS = {
    "auth": ("Sign-in", "Registration, sign-in by password and code, tokens and step-up."),
    "mfa": ("Second step", "Complete a sign-in with another factor than the phone."),
    "passkeys": ("Passkeys alone", "Sign in with a passkey and no password."),
    "email": ("E-mail address", "Verify the e-mail address of an account."),
    "recovery": ("Recovery", "Reset a forgotten password."),
    "sessions": ("Sessions", "See and end the sessions of the signed-in person."),
    "factors": ("Factors", "See the factors of the account, and choose the default."),
    "phone_factor": ("Phone", "Switch the phone off and on as a factor."),
    "totp": ("Authenticator apps", "Add and remove an authenticator app."),
    "webauthn": ("Passkeys", "Add, rename and remove passkeys and security keys."),
    "backup_codes": ("Backup codes", "Make backup codes for emergencies."),
    "trusted_devices": ("Trusted devices", "See and end the trust in devices that skip the second step."),
    "accounts": ("Profile", "See and edit the account."),
    "account": ("Account", "Change what protects the account, export it, delete it."),
    "keys": ("Public keys", "Check access tokens in other services."),
    "token_checks": ("Protected services", "Check access tokens for a reverse proxy, and find what libraries need."),
    "tokens": ("Backends: tokens", "Check the access token of a person, with an API key."),
    "ops": ("Operations", "Health, readiness and this document."),
    "webhooks": ("Callbacks", "Events that the message provider sends."),
    "backend_verifications": ("Backends: verifications", "Verify phone numbers for a service with its own users."),
    "backend_users": ("Backends: users", "Find and manage users as a backend, with an API key."),
}
"""Title and description by blueprint. A blueprint that is not here is described by the docstring of its module."""

_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
_ANYWHERE = (429, 500, 503)
_WITH_BODY = (400, 413, 415)
_SECURITY = "accessToken"
_OF_BACKENDS: dict[str, JsonSchema] = {
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "otpk_...",
        "description": "The API key of a backend, which `flask apps create` prints. No token of a person works here.",
    },
    "apiKeyAsUserName": {
        "type": "http",
        "scheme": "basic",
        "description": "The same API key as the user name, with an empty password.",
    },
}
_OF_OPERATORS: dict[str, JsonSchema] = {
    "opsToken": {"type": "http", "scheme": "bearer", "description": "The setting `OPS_TOKEN`, for operators' programs."}
}
_PATH_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")
_ID = {"type": "string", "format": "uuid"}
_PATH_TYPES = {"int": {"type": "integer"}, "id": _ID, "uuid": _ID}
_SENTENCE = re.compile(r".+?[.?](?=\s|$)", re.DOTALL)
_FRESH = (
    "Needs an access token of a sign-in within the last ten minutes, at the strongest level of the account. "
    "Otherwise the response is 403 `step_up_required`; `POST /auth/step-up` gives a new access token."
)


def document(app: Flask, *, version: str, public_url: str | None = None, public_path: str = "") -> JsonSchema:
    """Build the document of all routes. Raises LookupError for a route without a contract."""
    here = {"url": public_path or "/", "description": "The service that serves this document."}
    public = [{"url": public_url, "description": "The public address."}] if public_url else []
    with app.app_context():  # some fields say what the settings decide
        return _document(app, version=version, servers=[*public, here])


def _document(app: Flask, *, version: str, servers: list[JsonSchema]) -> JsonSchema:
    plugin = MarshmallowPlugin(schema_name_resolver=json_schemas.name_of)
    spec = APISpec(
        title=TITLE,
        version=version,
        openapi_version="3.1.0",
        info={"description": ABOUT, "license": LICENSE, "contact": {"name": "The operator of this service"}},
        servers=servers,
        plugins=[plugin],
    )
    if plugin.converter is not None:  # the library's type allows it; APISpec has just set it
        plugin.converter.add_attribute_function(json_schemas.of_field)  # type: ignore[no-untyped-call]
    scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    for name, described in {_SECURITY: scheme, **_OF_BACKENDS, **_OF_OPERATORS, **browser_cookies.schemes()}.items():
        spec.components.security_scheme(name, described)
    spec.components.schema("Error", schema=Error)
    spec.components.schema("Problem", error_responses.problem())
    for rule in _rules(app):
        spec.path(path=_PATH_PARAMETER.sub(r"{\2}", rule.rule), operations=dict(_operations(app, rule)))
    for tag in sorted(_tags(app), key=lambda tag: str(tag["name"])):
        spec.tag(tag)
    finished = json_schemas.finish(spec, _schemas(app))
    error_responses.as_json_schema(finished["components"]["schemas"]["Error"])
    response_links.add(finished)
    _add_examples(finished)
    return finished


def _rules(app: Flask) -> list[Rule]:
    return sorted((rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"), key=lambda rule: rule.rule)


def _tags(app: Flask) -> Iterator[JsonSchema]:
    for name in dict.fromkeys(rule.endpoint.partition(".")[0] for rule in _rules(app)):
        endpoint = next(rule.endpoint for rule in _rules(app) if rule.endpoint.partition(".")[0] == name)
        about = sys.modules[app.view_functions[endpoint].__module__].__doc__ or name
        title, description = TAGS.get(name, (_title(name), _first_sentence(about)))
        yield {"name": title, "description": description}


def _schemas(app: Flask) -> dict[str, type[Schema]]:
    """Return the schemas of all routes, those that they nest included, by their names in the document."""
    found: dict[str, type[Schema]] = {}
    for rule in _rules(app):
        contract: Contract = vars(app.view_functions[rule.endpoint])["contract"]
        for schema in (contract.body, contract.form, contract.out, contract.later, *contract.others.values()):
            if schema is not None:
                found |= {json_schemas.name_of(kind): kind for kind in json_schemas.nested(schema)}
    return found


def _operations(app: Flask, rule: Rule) -> Iterator[tuple[str, JsonSchema]]:
    view = app.view_functions[rule.endpoint]
    contract: Contract | None = getattr(view, "contract", None)
    if contract is None:
        raise LookupError(f"{rule.rule} has no @api contract")
    security = _security(view)
    blueprint = rule.endpoint.partition(".")[0]
    for method in sorted((rule.methods or set()) & _METHODS):
        operation: JsonSchema = {
            "operationId": f"{rule.endpoint.replace('.', '_')}",
            "summary": _first_sentence(inspect.getdoc(view) or ""),
            "description": _description(view),
            "tags": [TAGS.get(blueprint, (_title(blueprint), ""))[0]],
            "security": security,
            "responses": _responses(contract, is_public=not security, has_scope=hasattr(view, "key_scope")),
        }
        browser_cookies.add_headers(operation["responses"], view)
        if contract.takes_body:
            kind = "application/json" if contract.body is not None else FORM
            content = {kind: {"schema": contract.body or contract.form}}
            operation["requestBody"] = {"required": not contract.may_lack_body, "content": content}
        parameters = [_path_parameter(kind, name) for kind, name in _PATH_PARAMETER.findall(rule.rule)]
        parameters += browser_cookies.parameters(view)
        parameters += getattr(contract.around, "parameters", ())
        if contract.query is not None:
            parameters.append({"in": "query", "schema": contract.query})
        if parameters:
            operation["parameters"] = parameters
        yield method.lower(), operation


def _security(view: Any) -> list[JsonSchema]:
    """Return what the decorators of the view ask for: a token of a person, the key of a backend, or neither."""
    if hasattr(view, "key_scope"):
        return [{name: []} for name in _OF_BACKENDS]
    if hasattr(view, "needs_ops_token"):
        return [{name: []} for name in _OF_OPERATORS]
    return [{_SECURITY: []}, *browser_cookies.security(view)] if getattr(view, "needs_token", False) else []


def _title(blueprint: str) -> str:
    return blueprint.replace("_", " ").capitalize()


def _first_sentence(text: str) -> str:
    found = _SENTENCE.match(text)
    return " ".join((found[0] if found else text).split())


def _description(view: Any) -> str:
    """Return the docstring, and what the decorators of the view say about tokens and keys."""
    text = inspect.getdoc(view) or ""
    if hasattr(view, "key_scope"):
        return f"{text}\n\nNeeds an API key with the scope `{view.key_scope}`."
    if hasattr(view, "needs_ops_token"):
        return f"{text}\n\nNeeds no access token, but the setting `OPS_TOKEN`."
    if getattr(view, "needs_fresh_sign_in", False):
        return f"{text}\n\n{_FRESH}"
    needs = f"Needs {'an' if getattr(view, 'needs_token', False) else 'no'} access token"
    return f"{text}\n\n{needs}{', or a cookie' if browser_cookies.security(view) else ''}."


def _path_parameter(kind: str, name: str) -> JsonSchema:
    schema = _PATH_TYPES.get(kind, {"type": "string"})
    about = "The id, as the list of such objects shows it." if name == "id" else f"The {name.replace('_', ' ')}."
    return {"in": "path", "name": name, "required": True, "schema": schema, "description": about}


def _responses(contract: Contract, *, is_public: bool, has_scope: bool) -> JsonSchema:
    good = contract.status if contract.out else EMPTY
    success: JsonSchema = {"description": HTTPStatus(good).phrase}
    if contract.out:
        success["content"] = {"application/json": {"schema": contract.out}}
        if contract.may_be_empty:
            success["x-may-be-empty"] = True
    elif contract.headers:
        good = contract.status
        success = {"description": HTTPStatus(good).phrase, "headers": _headers(contract.headers)}
    elif contract.personal is False:
        good, success = 200, {"description": "OK", "content": {"application/json": {"schema": {"type": "object"}}}}
    statuses = {*contract.errors, *_ANYWHERE, *(_WITH_BODY if contract.takes_body else ())}
    statuses |= {*(() if is_public else (401,)), *((403,) if has_scope else ())}
    others = {status: contract.others.get(status) for status in {*statuses, *contract.others}}
    errors = {status: error_responses.response(status, others[status]) for status in sorted(others)}
    later = {} if contract.later is None else {str(ACCEPTED): _accepted(contract.later)}
    return {**later, str(good): success, **{str(status): described for status, described in errors.items()}}


def _headers(described: Mapping[str, str]) -> JsonSchema:
    return {name: {"schema": {"type": "string"}, "description": about} for name, about in described.items()}


def _accepted(schema: Schema) -> JsonSchema:
    return {"description": HTTPStatus.ACCEPTED.phrase, "content": {"application/json": {"schema": schema}}}


def _add_examples(described: JsonSchema) -> None:
    examples = Examples(described["components"]["schemas"])
    for operation in (told for item in described["paths"].values() for told in item.values()):
        for media in operation.get("requestBody", {}).get("content", {}).values():
            media["example"] = examples.of(media["schema"], is_request=True)
        for response in operation["responses"].values():
            for media in response.get("content", {}).values():
                if "example" not in media:
                    media.update(examples.of_response(media["schema"]))
