"""A message is posted with the act that it tells of, or not at all."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from otp_service import outbox
from otp_service.core import clock
from otp_service.core.database.transactions import fetch_all, transaction
from otp_service.extensions import db
from otp_service.outbox import records
from otp_service.outbox.models import OutboxMessage

TO = "canary-address@example.com"
LINK = "https://app.example.com/verify#lk_canary"


@pytest.fixture(autouse=True)
def _in_context(app: Flask) -> object:
    with app.app_context():
        yield
        db.session.remove()


def post(**values: Any) -> None:
    given = {"link": LINK, "token": "lk_canary", "valid_minutes": 60, **values}
    outbox.enqueue("address_verification", to=TO, locale="de", user_id=7, now=clock.now(), **given)


def test_a_posted_message_is_pending_and_due() -> None:
    with transaction():
        post()
    (record,) = records.newest(limit=10)
    assert (record.template, record.user_id, record.state, record.attempts) == ("address_verification", 7, "pending", 0)
    assert record.next_try_at == record.created_at


def test_what_is_rolled_back_posts_nothing() -> None:
    def fail_after_posting() -> None:
        with transaction():
            post()
            raise LookupError

    with pytest.raises(LookupError):
        fail_after_posting()
    assert records.newest(limit=10) == []


def test_outside_a_transaction_nothing_can_be_posted() -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        post()


def test_neither_address_nor_link_is_stored_in_clear() -> None:
    with transaction():
        post()
    stored = str(fetch_all(select(OutboxMessage.__table__)))
    assert "canary" not in stored


@pytest.mark.parametrize(
    ("values", "told"),
    [({"token": None}, "needs token"), ({"lnik": "x"}, "does not take lnik"), ({"to_": "x"}, "does not take")],
)
def test_wrong_values_are_refused_before_anything_is_stored(values: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told), transaction():
        post(**values)
    assert records.newest(limit=10) == []


def test_an_unknown_template_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown e-mail template"), transaction():
        outbox.enqueue("pasword_changed", to=TO, locale=None, now=clock.now())
