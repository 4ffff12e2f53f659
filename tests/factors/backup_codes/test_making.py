"""POST /factors/backup-codes: new codes replace the old ones."""

from flask import Flask
from sqlalchemy import select

from otp_service.core.database.transactions import fetch_all
from otp_service.factors.backup_codes.codes import HASH_COST, hash_cost
from otp_service.factors.backup_codes.models import BackupCode
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.factories import log_in
from tests.parallel import at_once
from tests.sessions.conftest import SignedIn
from tests.trail import factor_events, notices


def works(api: Api, alice: SignedIn, code: str) -> bool:
    body = {"challengeToken": log_in(api, alice.person)["challengeToken"], "code": code}
    return bool(api.post("/auth/mfa/backup-code", body).status_code == 200)


def test_new_codes_are_shown_once_and_end_the_old_ones(app: Flask, api: Api, alice: SignedIn) -> None:
    first = api.post("/factors/backup-codes", token=alice.token)
    assert (first.status_code, first.headers["Cache-Control"]) == (201, "no-store")
    assert set(first.json) == {"backupCodes", "token", "tokenType", "expiresIn", "sessionId", "acr"}
    second = api.post("/factors/backup-codes", token=alice.token).json["backupCodes"]
    assert len({*first.json["backupCodes"], *second}) == 20
    assert not works(api, alice, first.json["backupCodes"][0])
    assert works(api, alice, second[0])
    added = ("factor.added", {"factor": "backup_codes"})
    assert factor_events(app, alice.person).count(added) == 2
    assert notices(app, alice.person).count("factor_added") == 2


def test_the_phone_alone_is_enough_to_have_some(api: Api, alice: SignedIn) -> None:
    codes = api.post("/factors/backup-codes", token=alice.token).json["backupCodes"]
    assert log_in(api, alice.person)["methods"][-1] == "backup_code"
    assert works(api, alice, codes[0])


def test_they_want_a_fresh_sign_in(api: Api, alice: SignedIn, time: Time) -> None:
    assert api.post("/factors/backup-codes").status_code == 401
    time.advance(660)
    token = api.post("/auth/refresh", {"refreshToken": alice.refresh_token}).json["token"]
    refused = api.post("/factors/backup-codes", token=token)
    assert (refused.status_code, refused.json["code"]) == (403, "step_up_required")


def test_of_parallel_requests_one_set_counts(app: Flask, api: Api, alice: SignedIn) -> None:
    answers = at_once(8, lambda _: api.post("/factors/backup-codes", token=alice.token))
    made = [answer for answer in answers if answer.status_code == 201]
    assert (len(made), {answer.status_code for answer in answers}) == (1, {201, 401})  # the first one ends the token
    with app.app_context():
        stored = {row.selector for row in fetch_all(select(BackupCode.selector))}
    assert {code[:4] for code in made[0].json["backupCodes"]} == stored


def test_the_cost_of_a_hash_is_that_of_the_decision_record(app: Flask, make_app: MakeApp) -> None:
    """Ten at once: sixteen times less than a password each."""
    assert HASH_COST == 8
    with app.app_context():
        assert hash_cost() == 4  # what tests hash passwords with is less
