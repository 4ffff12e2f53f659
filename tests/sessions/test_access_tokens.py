"""What is taken for an access token, and what is not."""

import base64
import json
import string
import uuid
from typing import Any

import pytest

from tests.api import Answer, Api
from tests.conftest import MakeApp, Time
from tests.sessions.conftest import SignedIn
from tests.sessions.forging import Forge, encode
from tests.sessions.pairs import attackers_key, public_spellings

pytestmark = pytest.mark.one_database

MISSING = ("access_token_required", "Access token required.")
INVALID = ("invalid_token", "Invalid or expired token.")
YEAR_2100 = 4_102_444_800


def refusal(response: Answer) -> tuple[str, str]:
    assert response.status_code == 401, response.json
    assert response.json is not None
    return response.json["code"], response.json["message"]


def ask(api: Api, header: str) -> Answer:
    return api.get("/profile", headers={"Authorization": header})


def test_a_forge_that_changes_nothing_makes_a_good_token(api: Api, forge: Forge) -> None:
    assert api.get("/profile", token=forge.sign()).status_code == 200


def test_without_a_token_the_challenge_names_the_scheme_alone(api: Api) -> None:
    response = api.get("/profile")
    assert refusal(response) == MISSING
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="otp_service"'


def test_for_a_bad_token_the_challenge_says_so(api: Api) -> None:
    response = api.get("/profile", token="nonsense")
    assert refusal(response) == INVALID
    assert response.headers["WWW-Authenticate"] == (
        'Bearer realm="otp_service", error="invalid_token", error_description="Invalid or expired token."'
    )
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer  "])
def test_the_scheme_is_taken_in_any_letter_case(api: Api, alice: SignedIn, scheme: str) -> None:
    assert ask(api, f"{scheme} {alice.token}").status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer   ", "Basic {}", "Token {}", "{}", "Bearer:{}"])
def test_another_scheme_or_an_empty_token_counts_as_none(api: Api, alice: SignedIn, header: str) -> None:
    assert refusal(ask(api, header.format(alice.token))) == MISSING


@pytest.mark.parametrize(
    "spelling",
    ["{}=", "{}==", "{}.", "{}..", ".{}", "{} ", "{}\t", "{},", "{} {}", "{},{}", '"{}"', "{}%00", "{}é", "{}+", "{}/"],
)
def test_a_token_with_anything_around_it_is_refused(api: Api, alice: SignedIn, spelling: str) -> None:
    assert refusal(ask(api, "Bearer " + spelling.format(alice.token, alice.token))) == INVALID


def test_of_all_last_letters_one_makes_the_token(api: Api, alice: SignedIn) -> None:
    letters = string.ascii_letters + string.digits + "-_"

    taken = [letter for letter in letters if ask(api, f"Bearer {alice.token[:-1]}{letter}").status_code == 200]

    assert taken == [alice.token[-1]]


def test_a_header_that_is_nested_deeply_is_refused(api: Api, alice: SignedIn) -> None:
    header = base64.urlsafe_b64encode(b"[" * 2_000).decode().rstrip("=")
    _, rest = alice.token.split(".", 1)

    assert refusal(ask(api, f"Bearer {header}.{rest}")) == INVALID


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("change", ["padded", "spaced", "emptied", "cut", "doubled"])
def test_a_token_with_an_altered_part_is_refused(api: Api, alice: SignedIn, part: int, change: str) -> None:
    parts = alice.token.split(".")
    altered = {
        "padded": parts[part] + "=" * (-len(parts[part]) % 4 or 4),
        "spaced": f"{parts[part][:5]} {parts[part][5:]}",
        "emptied": "",
        "cut": parts[part][:-1],
        "doubled": f"{parts[part]}.{parts[part]}",
    }[change]
    assert refusal(ask(api, "Bearer " + ".".join([*parts[:part], altered, *parts[part + 1 :]]))) == INVALID


def test_every_other_last_letter_of_a_signature_is_refused(api: Api, alice: SignedIn) -> None:
    letters = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") - {alice.token[-1]}
    statuses = {api.get("/profile", token=alice.token[:-1] + letter).status_code for letter in letters}
    assert statuses == {401}


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.parametrize("signature", ["", "AA", "kept"])
def test_an_unsigned_token_is_refused(api: Api, forge: Forge, algorithm: str, signature: str) -> None:
    signed, _, kept = forge.sign(header={"alg": algorithm}).rpartition(".")
    token = f"{signed}.{kept if signature == 'kept' else signature}"
    assert refusal(api.get("/profile", token=token)) == INVALID


@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "hs256", "HS256 ", "RS256", "ES256", "PS256", "EdDSA", "HS1"])
def test_only_the_configured_algorithm_is_taken_even_with_the_right_key(api: Api, forge: Forge, algorithm: str) -> None:
    assert refusal(api.get("/profile", token=forge.sign(header={"alg": algorithm}))) == INVALID


def test_a_public_key_used_as_a_shared_secret_is_refused(api: Api, forge: Forge) -> None:
    for public in public_spellings(attackers_key("RS256")):
        assert refusal(api.get("/profile", token=forge.sign(key=public))) == INVALID


def test_a_token_that_was_accepted_before_is_refused_by_another_application(
    make_app: MakeApp, api: Api, alice: SignedIn
) -> None:
    assert api.get("/profile", token=alice.token).status_code == 200
    for name in ("JWT_SECRET", "JWT_ISSUER", "JWT_AUDIENCE"):
        other = Api(make_app(**{name: "another-value-of-more-than-thirty-two-bytes"}))
        assert refusal(other.get("/profile", token=alice.token)) == INVALID, name


def test_a_token_longer_than_any_of_ours_is_refused(api: Api, forge: Forge) -> None:
    assert refusal(api.get("/profile", token=forge.sign(claims={"pad": "x" * 4_000}))) == INVALID


@pytest.mark.parametrize("key", [b"", b"\x00", b"secret", b"otp_service", b"x" * 64])
def test_another_secret_is_refused(api: Api, forge: Forge, key: bytes) -> None:
    assert refusal(api.get("/profile", token=forge.sign(key=key))) == INVALID


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "1"},
        {"kid": ""},
        {"kid": "../../../dev/null"},
        {"kid": "' OR 1=1 --"},
        {"jku": "https://127.0.0.1/jwks.json"},
        {"x5u": "https://127.0.0.1/key.pem"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"x5c": ["MIIB"]},
        {"crit": ["exp"], "exp": YEAR_2100},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"crit": []},
        {"zip": "DEF"},
        {"cty": "JWT"},
        {"enc": "A256GCM"},
        {"typ": "at+jwt"},
        {"typ": "refresh"},
        {"typ": None},
        {"alg": None},
        {"alg": ["HS256"]},
        {"alg": {"HS256": 1}},
    ],
    ids=str,
)
def test_a_header_that_names_more_than_our_algorithm_is_refused(api: Api, forge: Forge, header: dict[str, Any]) -> None:
    assert refusal(api.get("/profile", token=forge.sign(header=header))) == INVALID


@pytest.mark.parametrize(
    "header",
    [b"", b"null", b"[]", b"7", b'"x"', b"{", b"[" * 5000, b'{"alg":"HS256"' * 3, b"\xff\xfe", b"\x00"],
    ids=len,
)
def test_a_header_that_is_no_json_object_is_refused(api: Api, alice: SignedIn, header: bytes) -> None:
    _, claims, signature = alice.token.split(".")
    assert refusal(ask(api, f"Bearer {encode(header)}.{claims}.{signature}")) == INVALID


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "someone else"},
        {"iss": None},
        {"iss": ["otp_service"]},
        {"aud": "another service"},
        {"aud": None},
        {"aud": []},
        {"aud": {"otp_service": 1}},
        {"typ": "refresh"},
        {"typ": "challenge"},
        {"typ": ["access"]},
        {"typ": None},
        {"type": "refresh"},
        {"type": None},
        {"sub": None},
        {"sub": 1},
        {"sub": ""},
        {"sub": "0"},
        {"sub": "-1"},
        {"sub": "1.0"},
        {"sub": "1e3"},
        {"sub": "nobody"},
        {"sub": "99999999999999999999999"},
        {"sub": ["1"]},
        {"sid": None},
        {"sid": ""},
        {"sid": 7},
        {"sid": ["x"]},
        {"sid": "not-a-uuid"},
        {"jti": None},
        {"jti": 7},
        {"iat": None},
        {"nbf": None},
        {"nbf": "yesterday"},
        {"nbf": YEAR_2100},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": [YEAR_2100]},
        {"exp": 0},
        {"exp": -1},
        {"exp": 1_700_000_000},
        {"exp": float("nan")},
        {"nbf": float("nan")},
        {"amr": None},
        {"amr": 7},
        {"acr": None},
        {"auth_time": None},
        {"auth_time": "x"},
    ],
    ids=str,
)
def test_a_rightly_signed_token_with_wrong_or_missing_claims_is_refused(
    api: Api, forge: Forge, claims: dict[str, Any]
) -> None:
    assert refusal(api.get("/profile", token=forge.sign(claims=claims))) == INVALID


@pytest.mark.parametrize("spelling", [" {}", "{} ", "+{}", "0{}", "{}_0", "{}\n"])
def test_the_subject_has_one_spelling(api: Api, alice: SignedIn, forge: Forge, spelling: str) -> None:
    token = forge.sign(claims={"sub": spelling.format(alice.person.id)})
    assert refusal(api.get("/profile", token=token)) == INVALID


def test_a_subject_in_the_digits_of_another_script_is_refused(api: Api, alice: SignedIn, forge: Forge) -> None:
    full_width = str(alice.person.id).translate({ord(str(digit)): chr(0xFF10 + digit) for digit in range(10)})
    assert refusal(api.get("/profile", token=forge.sign(claims={"sub": full_width}))) == INVALID


def test_another_persons_id_with_this_session_is_refused(api: Api, bob: SignedIn, forge: Forge) -> None:
    assert refusal(api.get("/profile", token=forge.sign(claims={"sub": str(bob.person.id)}))) == INVALID


def test_another_persons_session_with_this_id_is_refused(api: Api, bob: SignedIn, forge: Forge) -> None:
    token = forge.sign(claims={"sid": bob.answer["sessionId"]})
    assert refusal(api.get("/profile", token=token)) == INVALID


def test_a_session_that_never_was_is_refused(api: Api, forge: Forge) -> None:
    assert refusal(api.get("/profile", token=forge.sign(claims={"sid": str(uuid.uuid4())}))) == INVALID


def test_an_altered_claim_under_the_old_signature_is_refused(api: Api, alice: SignedIn, forge: Forge) -> None:
    header, _, signature = alice.token.split(".")
    claims = encode({**forge.claims, "exp": YEAR_2100})
    assert refusal(api.get("/profile", token=f"{header}.{claims}.{signature}")) == INVALID


def test_a_token_works_to_its_last_second_and_not_after_it(api: Api, alice: SignedIn, time: Time) -> None:
    time.advance(890)
    assert api.get("/profile", token=alice.token).status_code == 200
    time.advance(11)
    assert refusal(api.get("/profile", token=alice.token)) == INVALID


def test_a_token_issued_after_the_clock_moved_is_good_for_15_minutes_from_then(
    api: Api, alice: SignedIn, time: Time
) -> None:
    time.advance(7 * 86_400)
    token = (api.post("/auth/refresh", {"refreshToken": alice.refresh_token}).json or {})["token"]
    assert api.get("/profile", token=token).status_code == 200
    time.advance(901)
    assert refusal(api.get("/profile", token=token)) == INVALID


@pytest.mark.parametrize("name", ["token", "access_token", "jwt", "Authorization"])
def test_a_token_in_the_address_a_cookie_or_the_body_is_ignored(api: Api, alice: SignedIn, name: str) -> None:
    path = f"/profile?{name}={alice.token}"
    cookie = {"Cookie": f"{name}={alice.token}; {name}_cookie={alice.token}"}
    assert refusal(api.get(path, headers=cookie, json={name: alice.token})) == MISSING


def test_two_authorization_headers_are_refused(api: Api, alice: SignedIn) -> None:
    header = ("Authorization", f"Bearer {alice.token}")
    response = api.app.test_client().get("/api/v1/profile", headers=[header, header])
    assert response.status_code == 401


def test_a_refused_token_is_not_echoed(api: Api, alice: SignedIn) -> None:
    response = api.get("/profile", token=alice.token[:-4])
    assert alice.token[:20] not in json.dumps(response.json)
    assert alice.token[:20] not in str(response.headers)
