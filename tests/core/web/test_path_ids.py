"""An id in a path that is none is an unknown object, not an unknown path."""

import uuid

import pytest
from flask import Flask, url_for

from otp_service.simulator import Simulator
from tests.api import Api
from tests.factories import make_person, sign_in

pytestmark = pytest.mark.each_case

OBJECTS = {
    ("DELETE", "/sessions"): "session_not_found",
    ("DELETE", "/devices"): "device_not_found",
    ("DELETE", "/factors/webauthn"): "passkey_not_found",
    ("PATCH", "/factors/webauthn"): "passkey_not_found",
}
NO_IDS = ("nope", "7", "..%00", "00000000-0000-0000-0000-000000000000", "0" * 32, "é", "x" * 3_000)


@pytest.mark.parametrize(("method", "path"), OBJECTS)
def test_an_id_that_is_none_names_no_object(app: Flask, api: Api, sinch: Simulator, method: str, path: str) -> None:
    token = sign_in(api, sinch, make_person(app))["token"]
    body = {"name": "Key"} if method == "PATCH" else None

    answers = [api.send(method, f"{path}/{id}", token=token, json=body) for id in NO_IDS]

    assert {(answer.status_code, answer.json["code"]) for answer in answers} == {(404, OBJECTS[method, path])}


@pytest.mark.parametrize(("method", "path"), OBJECTS)
def test_without_a_token_such_an_id_is_not_looked_at(api: Api, method: str, path: str) -> None:
    assert api.send(method, f"{path}/nope").status_code == 401


def test_a_path_below_an_id_is_no_route(app: Flask, api: Api, sinch: Simulator) -> None:
    token = sign_in(api, sinch, make_person(app))["token"]

    assert api.send("DELETE", "/sessions/nope/more", token=token).json["code"] == "endpoint_not_found"


@pytest.mark.one_database
def test_the_address_of_an_object_can_be_built_at_any_time(session_app: Flask) -> None:
    first, second = uuid.uuid4(), uuid.uuid4()

    with session_app.test_request_context():
        built = [url_for("webauthn.rename", id=first), url_for("webauthn.rename", id=second, page=2)]

    assert built == [f"/api/v1/factors/webauthn/{first}", f"/api/v1/factors/webauthn/{second}?page=2"]
