"""The authorization server's metadata (RFC 8414), by which libraries find keys and introspection."""

from pathlib import Path
from typing import Any

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient

from otp_service.backends.tokens import metadata as describing
from tests.api import Api
from tests.conftest import MakeApp
from tests.environments import PRODUCTION

pytestmark = pytest.mark.one_database

PATH = "//.well-known/oauth-authorization-server"
ID = "https://id.example.com"
HOSTILE = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}


def metadata(make_app: MakeApp, **settings: str) -> dict[str, Any]:
    answer = Api(make_app(**settings)).get(PATH, headers=HOSTILE)
    assert answer.status_code == 200
    return dict(answer.json)


@pytest.mark.parametrize("address", [ID, f"{ID}/otp"])
def test_it_names_the_issuer_and_where_keys_and_introspection_are(make_app: MakeApp, address: str) -> None:
    assert metadata(make_app, PUBLIC_URL=address, JWT_ISSUER=address) == {
        "issuer": address,
        "jwks_uri": f"{address}/.well-known/jwks.json",
        "introspection_endpoint": f"{address}/api/v1/tokens/introspect",
        "introspection_endpoint_auth_methods_supported": ["Bearer", "client_secret_basic"],
        "response_types_supported": [],
        "grant_types_supported": [],
    }


def test_the_issuer_is_that_of_the_tokens_whatever_the_address(make_app: MakeApp) -> None:
    assert metadata(make_app, PUBLIC_URL=ID, JWT_ISSUER="otp_service")["issuer"] == "otp_service"


@pytest.mark.parametrize(("settings", "address"), [
    ({"PORT": "8123"}, "http://127.0.0.1:8123"),
    ({"JWT_ISSUER": f"{ID}/"}, ID),
    ({"JWT_ISSUER": f"{ID}/", "PUBLIC_URL": "https://otp.example.com"}, "https://otp.example.com"),
    ({"JWT_ISSUER": f"{ID}?x=y", "PORT": "8123"}, "http://127.0.0.1:8123"),
])  # fmt: skip
def test_the_address_comes_from_the_settings(make_app: MakeApp, settings: dict[str, str], address: str) -> None:
    assert metadata(make_app, **settings)["jwks_uri"] == f"{address}/.well-known/jwks.json"


def test_a_production_server_that_does_not_know_its_address_names_none(
    make_app: MakeApp, environment: dict[str, str]
) -> None:
    here = {"DATABASE_URL": environment["DATABASE_URL"], "SINCH_BASE_URL": "", "REDIS_URL": ""}

    named = metadata(make_app, **{**PRODUCTION, **here})

    assert set(named) == {"issuer", "response_types_supported", "grant_types_supported"}


def test_pages_of_every_origin_may_read_it_and_caches_may_keep_it(api: Api) -> None:
    answer = api.get(PATH, headers={"Origin": "https://any.example"})

    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert "Set-Cookie" not in answer.headers


def test_a_library_finds_the_keys_by_it(app: Flask, make_app: MakeApp, tmp_path: Path) -> None:
    issuing = make_app(JWT_ALGORITHM="ES256", JWT_KEYS_DIR=str(tmp_path / "keys"), PUBLIC_URL=ID)
    jwks_uri = Api(issuing).get(PATH).json["jwks_uri"]

    found = FlaskClient(issuing).get(jwks_uri.removeprefix(ID)).get_json()

    assert [key.key_id for key in jwt.PyJWKSet.from_dict(found).keys] == [key["kid"] for key in found["keys"]]
    assert len(found["keys"]) == 1


def test_the_introspection_endpoint_is_one(api: Api) -> None:
    endpoint = api.get(PATH).json["introspection_endpoint"].partition("/api/v1")[2]

    assert api.send("POST", endpoint, data={"token": "a.b.c"}).json["code"] == "api_key_required"


@pytest.mark.parametrize(("settings", "fault"), [
    ({"PUBLIC_URL": ID, "JWT_ISSUER": ID}, None),
    ({"PUBLIC_URL": ID, "JWT_ISSUER": f"{ID}/"}, None),
    ({"JWT_ISSUER": ID}, None),
    ({"PUBLIC_URL": ID, "JWT_ALGORITHM": "HS256"}, None),
    ({"PUBLIC_URL": ID}, "the issuer 'otp_service' is no address"),
    ({"PUBLIC_URL": ID, "JWT_ISSUER": "https://[id"}, "the issuer 'https://[id' is no address"),
    ({"PUBLIC_URL": f"{ID}/otp", "JWT_ISSUER": ID}, f"the issuer {ID!r} is not PUBLIC_URL"),
])  # fmt: skip
def test_what_keeps_libraries_from_using_it_is_known(
    make_app: MakeApp, tmp_path: Path, settings: dict[str, str], fault: str | None
) -> None:
    keys = {"JWT_ALGORITHM": "ES256", "JWT_KEYS_DIR": str(tmp_path / "keys")}

    with make_app(**{**keys, **settings}).app_context():
        found = describing.fault()

    assert found is None if fault is None else found is not None and found[0].startswith(fault)
