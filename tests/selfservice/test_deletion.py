"""The rows that remain of a deleted user."""

from flask import Flask
from sqlalchemy import func, select

from otp_service.accounts import users
from otp_service.audit.models import AuditEvent
from otp_service.core.database.transactions import fetch_all
from otp_service.extensions import db
from otp_service.fraud.models import FraudSend
from otp_service.selfservice import personal_data
from otp_service.simulator import Simulator
from tests.api import Api
from tests.factories import Person, log_in, make_person, new_details, sign_in


def remove(app: Flask, person: Person) -> None:
    with app.app_context():
        personal_data.erase_by_operator(users.get(person.id))


def rows_by_table(app: Flask) -> dict[str, int]:
    with app.app_context():
        counts = {t.name: fetch_all(select(func.count()).select_from(t))[0][0] for t in db.metadata.sorted_tables}
    return {name: count for name, count in counts.items() if count}


def whose_sends(app: Flask) -> set[tuple[str, str]]:
    with app.app_context():
        return {(row.number_hash, row.ip) for row in fetch_all(select(FraudSend.number_hash, FraudSend.ip))}


def test_all_rows_that_belong_to_a_user_go_with_the_user(app: Flask, api: Api, sinch: Simulator) -> None:
    person = make_person(app)
    sign_in(api, sinch, person)
    log_in(api, person)
    assert {"users", "sessions", "challenges", "verifications", "verification_attempts"} <= set(rows_by_table(app))
    remove(app, person)
    left = rows_by_table(app)
    about_others = {"audit_events", "audit_heads", "audit_keys", "counters", "outbox_messages", "spend_days"}
    assert set(left) <= {*about_others, "fraud_sends"}
    assert whose_sends(app) == {("", "")}, "what the guard learned from stays, without number and address"
    assert left["audit_keys"] == 1, "the one of the operator's own act"
    assert left["outbox_messages"] == 1, "the one that tells of the deletion"


def test_other_people_lose_nothing(app: Flask, api: Api, sinch: Simulator) -> None:
    person, other = make_person(app), make_person(app)
    token = sign_in(api, sinch, other)["token"]
    remove(app, person)
    assert api.get("/profile", token=token).status_code == 200


def test_the_events_of_a_deleted_user_stay_and_tell_of_the_deletion(app: Flask) -> None:
    person = make_person(app)
    remove(app, person)
    with app.app_context():
        told = fetch_all(select(AuditEvent.event).where(AuditEvent.user_id == person.id).order_by(AuditEvent.id))
    assert [row.event for row in told] == ["user.registered", "user.deleted_by_operator"]


def test_no_id_is_given_to_a_second_user(app: Flask) -> None:
    first = make_person(app)
    remove(app, first)
    assert make_person(app).id > first.id


def test_address_and_number_of_a_deleted_user_are_free_and_nothing_is_inherited(
    app: Flask, api: Api, sinch: Simulator
) -> None:
    person = make_person(app)
    log_in(api, person)
    remove(app, person)
    details = new_details(email=person.email, phoneNumber=person.phone_number)
    assert api.post("/auth/register", details).status_code == 201
    assert "otpError" not in log_in(api, person)
    assert len(sinch.inbox(person.phone_number)) == 2
