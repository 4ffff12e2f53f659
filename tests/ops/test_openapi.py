"""The OpenAPI document: valid, whole, and true."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from otp_service.core.web.api import api as contract
from otp_service.ops.openapi import document
from tests.api import Api
from tests.factories import new_details

pytestmark = pytest.mark.one_database

CAMEL_CASE = re.compile(r"[a-z][a-zA-Z0-9]*")
OF_STANDARDS = {
    "auth_time",
    "token_type_hint",
    "jwks_uri",
    "introspection_endpoint",
    "introspection_endpoint_auth_methods_supported",
    "response_types_supported",
    "grant_types_supported",
}
"""The names of RFC 7662 and RFC 8414."""


@pytest.fixture(scope="module")
def described(session_app: Flask) -> dict[str, Any]:
    with session_app.app_context():
        return document(session_app, version="test")


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in described["paths"].items():
        yield from ((method.upper(), path, operation) for method, operation in item.items())


def body_schemas(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(path, schema) of every request body in JSON."""
    for _, path, operation in operations(described):
        if "application/json" in operation.get("requestBody", {}).get("content", {}):
            name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            yield path, described["components"]["schemas"][name]


def views(app: Flask) -> Iterator[tuple[str, str, Any]]:
    """(method, documented path, view) of every route."""
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            yield method, path, app.view_functions[rule.endpoint]


def needs_authentication(view: Any) -> bool:
    return getattr(view, "needs_token", False) or hasattr(view, "key_scope") or hasattr(view, "needs_ops_token")


def test_the_document_is_valid_openapi_3_1(described: dict[str, Any]) -> None:
    assert described["openapi"] == "3.1.0"
    validate(described, cls=OpenAPIV31SpecValidator)


def test_every_route_is_documented_and_every_documented_route_exists(app: Flask, described: dict[str, Any]) -> None:
    documented = {(method, path) for method, path, _ in operations(described)}
    assert documented == {(method, path) for method, path, _ in views(app)}
    assert {("POST", "/api/v1/auth/login"), ("GET", "/api/v1/profile"), ("GET", "/health")} <= documented


def test_the_route_serves_this_document_with_the_version_of_the_service(app: Flask, api: Api) -> None:
    response = api.get("/openapi.json")
    assert response.mimetype == "application/json"
    assert response.json == document(app, version=app.config["VERSION"])


def test_security_is_stated_exactly_where_a_token_or_a_key_is_needed(app: Flask, described: dict[str, Any]) -> None:
    needing = {(method, path) for method, path, view in views(app) if needs_authentication(view)}
    stated = {(method, path) for method, path, told in operations(described) if told["security"]}
    assert stated == needing
    assert ("GET", "/api/v1/profile") in stated
    scheme = described["components"]["securitySchemes"]["accessToken"]
    assert scheme == {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def test_a_route_for_backends_names_its_scope_and_both_ways_to_send_the_key(described: dict[str, Any]) -> None:
    told = described["paths"]["/api/v1/users/{id}"]["get"]

    assert told["security"] == [{"apiKey": []}, {"apiKeyAsUserName": []}]
    assert told["tags"] == ["Backends: users"]
    assert told["description"].endswith("Needs an API key with the scope `users:read`.")
    assert {"401", "403"} <= set(told["responses"])
    kinds = {
        name: described["components"]["securitySchemes"][name]["scheme"] for one in told["security"] for name in one
    }
    assert kinds == {"apiKey": "bearer", "apiKeyAsUserName": "basic"}


def test_where_a_token_is_needed_a_401_with_its_challenge_is_documented(described: dict[str, Any]) -> None:
    for _, path, told in operations(described):
        if told["security"]:
            assert "WWW-Authenticate" in told["responses"]["401"]["headers"], path


def test_each_operation_has_a_name_of_its_own_and_a_summary(described: dict[str, Any]) -> None:
    names = [told["operationId"] for _, _, told in operations(described)]
    assert len(set(names)) == len(names)
    assert [told for *_, told in operations(described) if not re.fullmatch(r"[A-Z].*\.", told["summary"])] == []


def test_all_names_on_the_wire_are_camel_case(described: dict[str, Any]) -> None:
    names = {name for schema in described["components"]["schemas"].values() for name in schema.get("properties", {})}
    parameters = [one for *_, told in operations(described) for one in told.get("parameters", ())]
    names |= {one["name"] for one in parameters if one["in"] != "header"}
    assert {name for name in names if not CAMEL_CASE.fullmatch(name)} == OF_STANDARDS
    assert {"phoneNumber", "otpCode", "refreshToken", "statusCode"} <= names


def test_requests_rule_unknown_fields_out_and_answers_do_not(described: dict[str, Any]) -> None:
    for path, schema in body_schemas(described):
        assert schema["additionalProperties"] is False, path
    for name, schema in described["components"]["schemas"].items():
        if not name.endswith("In"):
            assert schema.get("additionalProperties") is not False, name


def test_unknown_fields_are_refused_as_documented(app: Flask, api: Api, described: dict[str, Any]) -> None:
    open_paths = {path for _, path, view in views(app) if not needs_authentication(view)}
    tried = [path for path, _ in body_schemas(described) if path in open_paths]
    assert tried
    for path in tried:
        response = api.post(f"/{path}", {"surelyUnknown": 1})
        faults = {fault["field"]: fault["message"] for fault in response.json["errors"]}
        assert (response.status_code, faults["surelyUnknown"]) == (400, "This field is not known here."), path


def test_every_answer_is_an_error_in_both_formats_or_has_a_schema_of_its_own(described: dict[str, Any]) -> None:
    for _, path, told in operations(described):
        for status, answer in told["responses"].items():
            assert answer["description"] == HTTPStatus(int(status)).phrase
            types = set(answer.get("content", ()))
            if int(status) >= 400 and (path, status) != ("/ready", "503"):
                assert types == {"application/json", "application/problem+json"}, (path, status)
                assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/Error")


def test_errors_that_any_route_may_give_are_documented_everywhere(described: dict[str, Any]) -> None:
    for _, path, told in operations(described):
        expected = {"429", "500", "503"} | ({"400", "413", "415"} if "requestBody" in told else set())
        assert expected <= set(told["responses"]), path


def test_where_waiting_helps_the_seconds_are_documented(described: dict[str, Any]) -> None:
    for _, path, told in operations(described):
        for status in {"429", "503"} & set(told["responses"]):
            assert told["responses"][status]["headers"]["Retry-After"]["schema"]["minimum"] == 1, path


def test_patterns_are_anchored_and_in_the_dialect_of_json_schema(described: dict[str, Any]) -> None:
    properties = [p for schema in described["components"]["schemas"].values() for p in schema["properties"].values()]
    properties += [
        parameter["schema"] for *_, told in operations(described) for parameter in told.get("parameters", ())
    ]
    patterns = [shape["pattern"] for shape in properties if "pattern" in shape]
    assert patterns
    assert [
        p for p in patterns if not (p.startswith("^") and p.endswith("$")) or re.search(r"\\[AZz]|\(\?[<P]", p)
    ] == []


def test_every_example_fits_its_own_schema(described: dict[str, Any]) -> None:
    seen = 0
    for schema in described["components"]["schemas"].values():
        for shape in schema["properties"].values():
            validator = Draft202012Validator({**shape, "components": described["components"]})
            for example in shape.get("examples", ()):
                assert validator.is_valid(example), (shape, example)
                seen += 1
    assert seen > 5


def test_the_examples_make_a_registration_and_a_login(api: Api, described: dict[str, Any]) -> None:
    bodies = {
        path: {name: shape["examples"][0] for name, shape in schema["properties"].items() if name in schema["required"]}
        for path, schema in body_schemas(described)
        if path in {"/api/v1/auth/register", "/api/v1/auth/login"}
    }
    assert api.post("/auth/register", bodies["/api/v1/auth/register"]).status_code == 201
    assert api.post("/auth/login", bodies["/api/v1/auth/login"]).status_code == 200


def test_what_the_document_allows_for_a_code_is_what_the_route_allows(api: Api, described: dict[str, Any]) -> None:
    shape = dict(body_schemas(described))["/api/v1/auth/verify-otp"]["properties"]["otpCode"]
    for code in (
        "1234",
        "123456",
        "123",
        "1234567",
        "１２３４",
        "12a4",
        "1234\n",
        " 12 34",
        "12 3",
        "",
        "+18156001234",
        "+1815",
    ):
        response = api.post("/auth/verify-otp", {"email": new_details()["email"], "otpCode": code})
        is_allowed = bool(re.search(shape["pattern"].replace("$", r"\Z"), code))  # ECMA's $ is the very end
        assert (response.status_code != 400) == is_allowed, code


def test_only_channels_that_exist_are_documented(described: dict[str, Any]) -> None:
    from otp_service.verifications import CHANNELS

    shape = dict(body_schemas(described))["/api/v1/auth/request-otp"]["properties"]["channel"]
    assert shape["enum"] == [*(str(channel) for channel in CHANNELS), None]


def test_a_route_without_a_contract_is_noticed() -> None:
    app = Flask("test", static_folder=None)
    app.add_url_rule("/undocumented", view_func=lambda: "")
    with pytest.raises(LookupError, match="/undocumented"):
        document(app, version="test")


def test_a_path_parameter_is_documented_as_one() -> None:
    app = Flask("test", static_folder=None)

    @app.get("/things/<uuid:thing_id>")
    @contract()
    def show_thing(thing_id: object) -> None:
        """Show a thing."""

    described = document(app, version="test")
    assert list(described["paths"]) == ["/things/{thing_id}"]
    validate(described, cls=OpenAPIV31SpecValidator)
