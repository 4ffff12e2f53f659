"""The OpenAPI document keeps the rules of Spectral (spectral:oas) and of Redocly (recommended), and says more."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator

from otp_service.core.errors import ServiceError
from otp_service.core.text import HARMLESS, SHOWN_TEXT, steers
from otp_service.factors import registry
from otp_service.ops.openapi import document
from otp_service.verifications import CHANNELS
from tests.api import Api
from tests.conftest import MakeApp

pytestmark = pytest.mark.one_database

Told = dict[str, Any]


@pytest.fixture(scope="module")
def described(session_app: Flask) -> Told:
    return document(session_app, version="test")


def operations(described: Told) -> Iterator[tuple[str, Told]]:
    """The name and the description of each operation."""
    for path, item in described["paths"].items():
        yield from ((f"{method.upper()} {path}", told) for method, told in item.items())


def media(told: Told) -> Iterator[tuple[str, Told]]:
    """Where each body of an operation stands, and what is said of it."""
    yield from ((f"request as {kind}", one) for kind, one in told.get("requestBody", {}).get("content", {}).items())
    for status, response in told["responses"].items():
        yield from ((f"{status} as {kind}", one) for kind, one in response.get("content", {}).items())


def values(one: Told) -> list[Any]:
    """The examples of a body."""
    return [one["example"]] if "example" in one else [named["value"] for named in one.get("examples", {}).values()]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (str(inner) for name, inner in value.items() if name == "$ref")
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_it_says_whose_it_is_and_where(described: Told, make_app: MakeApp) -> None:
    assert {"title", "version", "description", "contact", "license"} == set(described["info"])
    assert {"name", "url"} == set(described["info"]["license"])
    assert [server["url"] for server in described["servers"]] == ["/"]

    public = Api(make_app(PUBLIC_URL="https://id.example.com/otp")).get("/openapi.json").json

    assert [server["url"] for server in public["servers"]] == ["https://id.example.com/otp", "/otp"]


def test_each_operation_is_described_in_sentences(described: Told) -> None:
    for name, told in operations(described):
        assert re.fullmatch(r"[A-Z][^_]+\.", told["summary"]), name
        assert told["description"].startswith(told["summary"]), name
        assert re.search(r"Needs an access token|Needs no access token|Needs an API key", told["description"]), name
        assert re.fullmatch(r"[a-z0-9_]+", told["operationId"]), name


def test_each_operation_says_whether_it_needs_a_token_or_a_key(described: Told) -> None:
    public = [name for name, told in operations(described) if told["security"] == []]

    assert {"POST /api/v1/auth/login", "GET /health"} < set(public)
    token: Told = {"accessToken": []}
    cookie: Told = {"refreshCookie": [], "csrfToken": []}
    keys: list[Told] = [{"apiKey": []}, {"apiKeyAsUserName": []}]
    kinds: tuple[list[Told], ...] = ([], [token], [token, cookie], keys, [{"opsToken": []}])
    assert all(told["security"] in kinds for _, told in operations(described))


def test_the_document_says_which_requests_take_a_cookie_and_which_responses_set_one(described: Told) -> None:
    by_name = dict(operations(described))
    headers = {
        name: {one["name"] for one in told.get("parameters", ()) if one["in"] == "header"}
        for name, told in by_name.items()
    }

    assert headers["POST /api/v1/auth/verify-otp"] == {"X-Token-Transport"}
    assert headers["POST /api/v1/auth/refresh"] == {"X-Token-Transport", "X-CSRF-Token"}
    assert headers["POST /api/v1/auth/logout"] == {"X-CSRF-Token"}
    assert "Set-Cookie" in by_name["POST /api/v1/auth/logout"]["responses"]["204"]["headers"]
    assert described["components"]["securitySchemes"]["refreshCookie"]["name"] == "__Host-refresh_token_cookie"


def test_each_tag_is_described_and_used(described: Told) -> None:
    names = [tag["name"] for tag in described["tags"]]

    assert names == sorted(names)
    assert all(tag["description"].endswith(".") for tag in described["tags"])
    assert {told["tags"][0] for _, told in operations(described)} == set(names)


def test_each_parameter_is_described(described: Told) -> None:
    parameters = [one for _, told in operations(described) for one in told.get("parameters", ())]

    assert parameters
    assert [one for one in parameters if not one.get("description")] == []


def test_each_operation_has_a_success_and_a_fault_of_the_client(described: Told) -> None:
    for name, told in operations(described):
        assert {status[0] for status in told["responses"]} >= {"2", "4"}, name


def test_each_body_has_an_example_that_fits_its_schema(described: Told) -> None:
    for name, told in operations(described):
        for place, one in media(told):
            validator = Draft202012Validator({**one["schema"], "components": described["components"]})
            assert values(one), (name, place)
            assert [error.message for value in values(one) for error in validator.iter_errors(value)] == [], (
                name,
                place,
            )


def test_each_component_is_used(described: Told) -> None:
    used = {reference.rpartition("/")[2] for reference in references(described)}

    assert set(described["components"]["schemas"]) - used == set()


def test_a_sign_in_has_two_responses_that_exclude_each_other(described: Told) -> None:
    schemas = described["components"]["schemas"]
    first, second = (schemas[one["$ref"].rpartition("/")[2]] for one in schemas["LoginOut"]["oneOf"])

    assert [one["properties"]["requiresOtp"]["enum"] for one in (first, second)] == [[True], [False]]
    assert "challengeToken" in first["required"]
    assert "token" in second["required"]


def test_words_with_a_meaning_are_listed(described: Told) -> None:
    schemas = described["components"]["schemas"]

    assert {"validation_failed", "otp_cooldown", "method_not_allowed", ServiceError.code} <= set(
        schemas["Error"]["properties"]["code"]["enum"]
    )
    assert schemas["LoginOut"]["properties"]["methods"]["items"]["enum"] == [*registry.METHOD_NAMES]
    assert schemas["OtpSentOut"]["properties"]["channel"]["enum"] == [str(channel) for channel in CHANNELS]


@pytest.mark.parametrize(
    ("given", "is_right"),
    [
        ({"email": "ada@example.com"}, True),
        ({"challengeToken": "ch_1"}, True),
        ({"email": "ada@example.com", "challengeToken": None}, True),
        ({}, False),
        ({"email": None}, False),
        ({"email": "ada@example.com", "challengeToken": "ch_1"}, False),
        ({"email": "ada@example.com", "phoneNumber": "+14155552671"}, False),
    ],
)
def test_exactly_one_name_is_given(described: Told, api: Api, given: Told, is_right: bool) -> None:
    body = {**given, "otpCode": "4821"}
    schema = {"$ref": "#/components/schemas/VerifyOtpIn", "components": described["components"]}

    assert Draft202012Validator(schema).is_valid(body) == is_right
    assert (api.post("/auth/verify-otp", body).status_code != 400) == is_right


@pytest.mark.parametrize(
    ("given", "is_right"),
    [
        ({"method": "totp", "code": "492039", "password": "x"}, True),
        ({"method": "password", "password": "x"}, True),
        ({"method": "password", "password": "x", "code": "4821"}, False),
        ({"method": "totp", "code": "492039"}, False),
        ({"method": "totp", "code": "4920", "password": "x"}, False),
        ({"method": "totp", "password": "x"}, False),
        ({"method": "webauthn", "code": "492039"}, False),
    ],
)
def test_the_method_decides_what_a_step_up_takes(described: Told, given: Told, is_right: bool) -> None:
    schema = {"$ref": "#/components/schemas/StepUpIn", "components": described["components"]}

    assert Draft202012Validator(schema).is_valid(given) == is_right


@pytest.mark.parametrize(
    ("given", "is_right"),
    [({}, True), ({"password": "x"}, True), ({"method": "totp", "code": "492039"}, True), ({"code": "492039"}, False)],
)
def test_a_body_may_leave_its_method_out_where_none_is_needed(described: Told, given: Told, is_right: bool) -> None:
    schema = {"$ref": "#/components/schemas/UndoIn", "components": described["components"]}

    assert Draft202012Validator(schema).is_valid({"token": "lk_1", **given}) == is_right


def test_no_text_of_a_request_may_have_a_nul(described: Told) -> None:
    for name in ("LoginIn", "RegisterIn", "ProfileIn", "EnrolIn", "StepUpIn", "AssertionResponse"):
        for field, shape in described["components"]["schemas"][name]["properties"].items():
            if "string" in shape.get("type", ()) and "enum" not in shape and shape.get("format") != "uuid":
                assert not re.search(shape["pattern"], "a\x00b"), (name, field)


def test_the_pattern_of_a_shown_text_is_the_rule_in_the_first_plane() -> None:
    letters = [chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000]

    shown = re.compile(SHOWN_TEXT.replace("$", r"\Z"))  # ECMA's $ is the very end

    assert [letter for letter in letters if bool(shown.search(letter)) == steers(letter)] == []
    assert all(re.search(SHOWN_TEXT, letter) for letter in HARMLESS)


def test_links_lead_to_operations_that_take_what_they_hand_over(described: Told) -> None:
    by_name = {told["operationId"]: told for _, told in operations(described)}
    links = [
        (told["operationId"], link)
        for _, told in operations(described)
        for response in told["responses"].values()
        for link in response.get("links", {}).values()
    ]
    for _, link in links:
        target = by_name[link["operationId"]]
        assert set(link.get("parameters", ())) <= {one["name"] for one in target.get("parameters", ())}

    pairs = {(name, link["operationId"]) for name, link in links}
    assert {
        ("auth_register", "auth_login"),
        ("auth_login", "auth_verify_otp"),
        ("auth_verify_otp", "auth_refresh"),
        ("sessions_list_sessions", "sessions_end_session"),
        ("recovery_request_reset", "recovery_confirm_reset"),
    } <= pairs
