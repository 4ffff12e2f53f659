"""Statements that are built once say the same as those that are built with their values."""

import uuid
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Select, Update, select, update

from otp_service.accounts.models import LoginThrottle, User
from otp_service.core import clock
from otp_service.core.database.statements import Given, prepared, prepared_insert
from otp_service.core.database.transactions import execute, fetch_all, fetch_one, transaction
from tests.factories import make_person

_add = prepared_insert(LoginThrottle, LoginThrottle.failures)


@prepared
def _by_email(email: Given) -> Select[tuple[int]]:
    return select(User.id).where(User.email == email)


@prepared
def _among(ids: Given) -> Select[tuple[int]]:
    return select(User.id).where(User.id.in_(ids)).order_by(User.id)


@prepared
def _of_id(user_id: Given) -> Update:
    return update(User).where(User.id == user_id)


def test_it_is_built_once_and_runs_with_other_values_each_time(app: Flask) -> None:
    one, other = make_person(app), make_person(app)
    with app.app_context():
        assert _by_email(one.email)[0] is _by_email(other.email)[0]
        found = [fetch_one(*_by_email(person.email)) for person in (one, other)]
    assert [row and row.id for row in found] == [one.id, other.id]


def test_a_list_may_have_any_length_also_none(app: Flask) -> None:
    ids = [make_person(app).id for _ in range(3)]
    with app.app_context():
        found = [[row.id for row in fetch_all(*_among(wanted))] for wanted in (ids, ids[:1], [])]
    assert found == [ids, ids[:1], []]


def test_none_equals_nothing(app: Flask) -> None:
    make_person(app)
    with app.app_context():
        assert fetch_one(*_by_email(None)) is None


def test_what_an_update_sets_is_given_by_name_none_too(app: Flask) -> None:
    person, other = make_person(app), make_person(app)
    with app.app_context():
        with transaction():
            execute(*_of_id(person.id, display_name="Ada", phone_verified_at=None))
        rows = fetch_all(select(User.id, User.display_name, User.phone_verified_at).order_by(User.id))
    assert [(row.id, row.display_name) for row in rows] == [(person.id, "Ada"), (other.id, None)]
    assert rows[0].phone_verified_at is None


def test_an_insert_returns_what_it_was_asked_for_and_keeps_a_time_to_the_microsecond(app: Flask) -> None:
    now, subject = clock.now() + timedelta(microseconds=7), uuid.uuid4().hex
    with app.app_context():
        with transaction():
            row = execute(*_add(subject=subject, failures=3, last_failed_at=now, waits_until=now)).one()
        stored = fetch_one(select(LoginThrottle.last_failed_at).where(LoginThrottle.subject == subject))
    assert row.failures == 3
    assert stored is not None
    assert stored.last_failed_at == now


def test_what_is_no_column_is_refused_and_not_left_out() -> None:
    with pytest.raises(TypeError, match="no columns of users: nickname"):
        _of_id(1, nickname="Ada")
    with pytest.raises(TypeError, match="no columns of login_throttles: count, ip"):
        _add(subject="x", count=1, ip="::1")


def test_too_few_values_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        _by_email()
