"""Every answer has a request id: the caller's when it is well formed, else a new one."""

import uuid

import pytest
from flask import Flask

from tests.api import Api
from tests.core.web.refusals import REFUSALS, Refusal
from tests.factories import make_person
from tests.trail import entries

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize("given", ["a", "0", "-", "A-z-09", "x" * 64, str(uuid.UUID(int=7))])
def test_a_well_formed_id_of_the_caller_is_kept(api: Api, given: str) -> None:
    response = api.get("/profile", headers={"X-Request-ID": given})
    assert response.headers["X-Request-ID"] == response.json["requestId"] == given


@pytest.mark.parametrize(
    "given",
    ["", " ", "x" * 65, "a_b", "a b", "a.b", "a,b", "a/b", "ä", "a\x1b[31m", "a\tb", "<script>", '"', "٣", "a%0d%0ab"],
)
def test_any_other_is_replaced(api: Api, given: str) -> None:
    response = api.get("/profile", headers={"X-Request-ID": given})
    assert uuid.UUID(response.headers["X-Request-ID"]).version == 4
    assert response.json["requestId"] == response.headers["X-Request-ID"]


def test_two_ids_are_none(api: Api) -> None:
    client = api.app.test_client()
    response = client.get("/health", headers=[("X-Request-ID", "a"), ("X-Request-ID", "b")])
    assert uuid.UUID(response.headers["X-Request-ID"])


def test_every_request_gets_another_id(api: Api) -> None:
    assert len({api.get("//health").headers["X-Request-ID"] for _ in range(10)}) == 10


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_refusals_carry_it_too(api: Api, refusal: Refusal) -> None:
    assert refusal.provoke(api, **{"X-Request-ID": "my-id"}).headers["X-Request-ID"] == "my-id"


def test_what_happened_is_remembered_under_the_id(app: Flask, api: Api) -> None:
    person = make_person(app)
    api.post("/auth/login", {**person.credentials, "password": "x"}, headers={"X-Request-ID": "my-id"})
    assert [entry.event for entry in entries(app) if entry.request_id == "my-id"] == ["login.failed"]
