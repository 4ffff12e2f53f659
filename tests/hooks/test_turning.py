"""Every event reaches each hook that wants it exactly once, whatever the order of the commits, and none from before."""

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import insert, select

from otp_service import audit
from otp_service.audit import COMMAND_LINE
from otp_service.audit.models import AuditEvent
from otp_service.core import clock
from otp_service.core.database.transactions import fetch_all, transaction
from otp_service.hooks import administration, turning
from otp_service.hooks.administration import MOST_HOOKS, TooManyHooks
from otp_service.jobs import retention
from tests.conftest import Time
from tests.hooks.sending import add_hook, happen, stored, turn
from tests.parallel import at_once, race
from tests.waiting import PATIENCE_SECONDS

URL = "http://127.0.0.1:9/events"


def turned(app: Flask) -> list[int]:
    """The users whose events were stored for hooks, in the order of the trail."""
    with app.app_context():
        users = {row.id: row.user_id for row in fetch_all(select(AuditEvent.id, AuditEvent.user_id))}
    return [users[one.event_id] for one in sorted(stored(app), key=lambda one: one.event_id)]


def test_events_from_before_a_hook_are_not_sent(service: Flask) -> None:
    happen(service, user_id=1)
    add_hook(service, URL)
    happen(service, user_id=2)
    turn(service)
    add_hook(service, URL)
    happen(service, user_id=3)

    turn(service)

    assert turned(service) == [2, 3, 3]


def test_while_a_hook_is_disabled_nothing_is_stored_for_it(service: Flask) -> None:
    hook_id = add_hook(service, URL)
    happen(service, user_id=1)
    turn(service)
    with service.app_context():
        administration.disable(hook_id)
    happen(service, user_id=2)
    turn(service)
    with service.app_context():
        administration.enable(hook_id)
    happen(service, user_id=3)
    turn(service)

    assert turned(service) == [1, 3]


@race
def test_of_operators_who_enable_a_hook_at_once_one_sets_where_it_begins(service: Flask, round_number: int) -> None:
    hook_id = add_hook(service, URL)
    with service.app_context():
        administration.disable(hook_id)
        administration.disable(hook_id, because="another reason")
        assert administration.get(hook_id).disabled_because == administration.BY_OPERATOR

    def enable(number: int) -> None:
        with service.app_context():
            administration.enable(hook_id)
        happen(service, user_id=number)

    at_once(6, enable)
    turn(service)

    with service.app_context():
        events = [entry.event for entry in audit.entries(after=0, limit=100) if entry.event.startswith("hook.")]
    assert events == ["hook.added", "hook.disabled", "hook.enabled"]
    assert sorted(turned(service)) == list(range(6))


def test_reading_the_trail_again_stores_nothing_twice(service: Flask) -> None:
    add_hook(service, URL)
    for _ in range(3):
        happen(service)

    at_once(4, lambda _: turn(service))
    turn(service)

    assert len(stored(service)) == 3


def test_more_events_than_one_batch_are_all_read(service: Flask) -> None:
    add_hook(service, URL)
    with service.app_context(), transaction() as session:
        row = {"at": clock.now(), "event": "user.unlocked_by_operator", "ip": "", "agent": "", "facts": {}}
        session.connection().execute(insert(AuditEvent), [{**row, "user_id": n} for n in range(turning.BATCH + 7)])

    turn(service)

    with service.app_context():
        assert len({one.event_id for one in stored(service)}) == turning.BATCH + 7


def test_an_event_that_is_committed_after_a_later_one_is_not_lost(service: Flask) -> None:
    add_hook(service, URL)
    has_written, may_commit = threading.Event(), threading.Event()

    def commit_late() -> None:
        with service.app_context(), transaction():
            audit.record("user.unlocked_by_operator", user_id=1, client=COMMAND_LINE, at=clock.now())
            fetch_all(select(AuditEvent.id).limit(1))  # what was put off is written, and has its id
            has_written.set()
            may_commit.wait(PATIENCE_SECONDS)

    late = threading.Thread(target=commit_late)
    late.start()
    assert has_written.wait(PATIENCE_SECONDS)
    with service.app_context():
        is_sqlite = "sqlite" in str(service.config["SQLALCHEMY_DATABASE_URI"])
    if is_sqlite:  # which has one writer at a time
        may_commit.set()
        late.join()
    happen(service, user_id=2)
    turn(service)
    may_commit.set()
    late.join()
    turn(service)

    assert turned(service) == [1, 2]


def test_retention_deletes_no_event_that_is_still_to_be_read_or_sent(
    service: Flask, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen(service, user_id=1)
    add_hook(service, URL)
    happen(service, user_id=2)
    turn(service)
    happen(service, user_id=3)
    time.advance(500 * 86_400)

    with service.app_context():
        deleted = retention._forget_events(clock.now() - timedelta(days=400))
        left = [row.user_id for row in fetch_all(select(AuditEvent.user_id).order_by(AuditEvent.id))]

    assert (deleted, left) == (2, [2, 3])


def test_there_may_be_as_many_hooks_as_the_worker_has_threads_for(service: Flask) -> None:
    for _ in range(MOST_HOOKS):
        add_hook(service, URL)

    with pytest.raises(TooManyHooks):
        add_hook(service, URL)
