"""The trail as its readers see it: kept in chains, private to each person, and never a reason to wait."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask import Flask
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from otp_service import audit
from otp_service.audit import COMMAND_LINE, verifying
from otp_service.audit.faults import Kind
from otp_service.audit.models import AuditEvent, AuditHead, AuditKey
from otp_service.core import clock
from otp_service.core.database import transactions
from otp_service.core.database.transactions import execute, fetch_all, note_for_transaction, transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.extensions import db
from tests.conftest import MakeApp
from tests.trail import entries
from tests.waiting import PATIENCE_SECONDS

ADA, BOB = 7, 8
AT_ADAS = ClientInfo(ip="192.0.2.7", agent="Ada's browser", request_id="ada-1")
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    """The database of the application, as a command would use it."""
    with app.app_context():
        yield


def record(*users: int, days_old: float = 0, **facts: Any) -> None:
    with transaction():
        note_for_transaction(AuditHead, 0)
        for user_id in users:
            audit.record("user.frozen", user_id=user_id, client=AT_ADAS, at=clock.now() - days_old * DAY, **facts)


def add_plain(user_id: int) -> None:
    """An event as an older version writes it."""
    with transaction():
        row = {"at": clock.now(), "event": "user.frozen", "user_id": user_id, "ip": "192.0.2.7", "agent": "old"}
        execute(insert(AuditEvent).values(**row, facts={"reason": "plain"}))


def run(app: Flask, *words: str, group: str = "audit") -> str:
    with app.app_context():  # else the command would have the application of the fixture
        told = app.test_cli_runner().invoke(args=[group, *words])
    assert told.exit_code == 0, told.output
    return told.stdout


def everything_stored() -> str:
    return str([tuple(row) for row in fetch_all(select(*AuditEvent.__table__.c))])


def test_the_rows_hold_nothing_personal_in_the_clear(app: Flask) -> None:
    record(ADA, reason="reported")

    stored, (entry,) = everything_stored(), entries(app)
    assert not any(part in stored for part in ("192.0.2.7", "Ada's browser", "ada-1", "reported"))
    assert (entry.ip, entry.agent, entry.request_id, entry.facts) == (
        "192.0.2.7", "Ada's browser", "ada-1", {"reason": "reported"},
    )  # fmt: skip


def test_an_erased_persons_events_verify_and_nothing_of_the_person_can_be_read(app: Flask) -> None:
    record(ADA, BOB, ADA, reason="reported")
    with transaction():
        audit.record_erasure("user.deleted_by_operator", user_id=ADA, client=COMMAND_LINE, at=clock.now())
    before = everything_stored()

    with transaction():
        audit.erase_person(ADA)

    shown = [(entry.user_id, entry.ip, entry.facts) for entry in entries(app)][:3]
    assert shown == [(ADA, "", {}), (BOB, "192.0.2.7", {"reason": "reported"}), (ADA, "", {})]
    assert verifying.verify().is_intact
    assert everything_stored() == before
    assert [row.subject for row in fetch_all(select(AuditKey.subject).order_by(AuditKey.subject))] == [
        "others",
        f"user:{BOB}",
    ]


def test_a_rollback_leaves_neither_event_nor_key_and_the_next_event_is_readable(app: Flask) -> None:
    def fail() -> None:
        with transaction():
            audit.record("user.frozen", user_id=ADA, client=AT_ADAS, at=clock.now())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    record(ADA)

    assert [entry.ip for entry in entries(app)] == ["192.0.2.7"]
    assert verifying.verify().is_intact


def lose_the_connection() -> None:
    """As by a failover, after which the database may lack what it committed last."""
    with transactions._for_single_statements(db.engine).connect() as connection:
        is_postgresql = connection.dialect.name == "postgresql"
        if not is_postgresql:
            connection.exec_driver_sql("PRAGMA query_only = ON")
        losing = "SELECT pg_terminate_backend(pg_backend_pid())" if is_postgresql else "DELETE FROM audit_keys"
        with pytest.raises(DBAPIError):
            connection.exec_driver_sql(losing)


def test_after_a_lost_connection_an_event_is_readable_although_its_subjects_key_is_lost(app: Flask) -> None:
    record(ADA)
    with transaction():
        execute(delete(AuditKey))
    lose_the_connection()

    record(ADA, reason="later")

    assert [entry.facts for entry in entries(app)] == [{}, {"reason": "later"}]


def test_a_transaction_that_holds_its_shard_keeps_no_other_one_waiting(app: Flask) -> None:
    has_written, may_commit = threading.Event(), threading.Event()

    def hold() -> None:
        with app.app_context(), transaction():
            note_for_transaction(AuditHead, 0)
            audit.record("user.frozen", user_id=ADA, client=AT_ADAS, at=clock.now())
            fetch_all(select(AuditEvent.id).limit(1))  # what was put off is written, and the shard is held
            has_written.set()
            may_commit.wait(PATIENCE_SECONDS)

    if db.engine.dialect.name == "postgresql":  # SQLite has one writer at a time
        holder = threading.Thread(target=hold)
        holder.start()
        assert has_written.wait(PATIENCE_SECONDS)
        record(BOB)  # it would take the same shard
        others = [row.shard for row in fetch_all(select(AuditEvent.shard))]
        may_commit.set()
        holder.join()
        assert others == [1]
    record(BOB)
    assert verifying.verify().is_intact


def test_what_is_deleted_for_its_age_leaves_a_chain_that_verifies(app: Flask) -> None:
    record(ADA, BOB, days_old=500)
    record(BOB, days_old=450)
    record(BOB)

    assert "Deleted 3 events" in run(app, "prune")

    report = verifying.verify()
    assert (report.is_intact, report.events) == (True, 1)
    assert [row.subject for row in fetch_all(select(AuditKey.subject))] == [f"user:{BOB}"]
    with transaction():
        execute(update(AuditEvent).values(event="user.locked"))
    assert [fault.kind for fault in verifying.verify().faults] == [Kind.EDITED]


def test_events_from_before_the_chains_are_named_and_can_be_taken_into_one(app: Flask) -> None:
    add_plain(ADA)
    record(BOB)
    assert (verifying.verify().is_intact, verifying.verify().unchained) == (True, 1)
    add_plain(ADA)  # by a process of the older version, or of an intruder
    assert [fault.kind for fault in verifying.verify().faults] == [Kind.INSERTED]

    refused = app.test_cli_runner().invoke(args=["audit", "adopt"])
    assert (refused.exit_code, f"id {entries(app)[-1].id}: " in refused.output) == (1, True)
    run(app, "adopt", "--despite-doubts")

    report = verifying.verify()
    assert (report.is_intact, report.unchained, report.events) == (True, 0, 4)
    assert entries(app)[-1].facts == {"events": 1, "firstId": entries(app)[2].id, "lastId": entries(app)[2].id}
    assert "192.0.2.7" not in everything_stored()
    assert entries(app)[0].facts == {"reason": "plain"}
    add_plain(ADA)
    assert [fault.kind for fault in verifying.verify().faults] == [Kind.INSERTED]


def test_an_erased_persons_events_from_before_the_chains_are_blanked(app: Flask) -> None:
    add_plain(ADA)

    with transaction():
        audit.erase_person(ADA)

    assert "192.0.2.7" not in everything_stored()


def test_rows_that_a_removed_key_signed_still_verify(app: Flask, make_app: MakeApp, tmp_path: Path) -> None:
    older, newer = (base64.b64encode(bytes([number]) * 32).decode() for number in (21, 22))
    before = make_app(ENCRYPTION_KEY=older)
    with before.app_context():
        record(ADA)
    head = run(before, "head")
    run(make_app(ENCRYPTION_KEY=f"{newer},{older}"), "rotate-encryption", group="keys")

    (tmp_path / "head.json").write_text(head)
    after = make_app(ENCRYPTION_KEY=newer)
    assert "is intact" in run(after, "verify", "--head", str(tmp_path / "head.json"))
    with after.app_context():
        record(BOB)
        assert verifying.verify().is_intact
        assert [entry.ip for entry in audit.entries(after=0, limit=9)] == ["192.0.2.7"] * 2
    assert [fault.kind for fault in verifying.verify().faults] == [Kind.UNKNOWN_KEY] * 2


def test_anyone_can_verify_an_export_and_a_head_without_a_key_of_the_service(app: Flask) -> None:
    record(ADA, BOB, ADA, reason="reported")
    lines = [json.loads(line) for line in run(app, "export").splitlines()]
    head = json.loads(run(app, "head"))

    public = jwt.PyJWK(head["publicKey"])
    said = jwt.decode(head["signature"], public.key, algorithms=["EdDSA"])
    link = hashlib.sha256(b"otp_service audit shard 0").digest()
    for line in lines:
        assert line["previousLink"] == link.hex()
        link = hashlib.sha256(link + line["sequence"].to_bytes(8) + bytes.fromhex(line["digest"])).digest()
        assert line["link"] == link.hex()
    assert said["shards"] == [{"shard": 0, "sequence": 3, "link": link.hex(), "deletedUpTo": 0}] == head["shards"]
    assert (lines[0]["facts"], lines[0]["userId"]) == ({"reason": "reported"}, ADA)


def test_an_export_can_be_of_a_user_and_of_a_time(app: Flask) -> None:
    record(ADA, days_old=10)
    record(BOB, ADA)
    today, yesterday = f"{clock.now():%Y-%m-%d}", f"{clock.now() - DAY:%Y-%m-%d}"

    def exported(*options: str) -> list[tuple[int, int]]:
        lines = [json.loads(line) for line in run(app, "export", *options).splitlines()]
        return [(line["sequence"], line["userId"]) for line in lines]

    assert exported("--user", str(ADA)) == [(1, ADA), (3, ADA)]
    assert exported("--since", yesterday) == [(2, BOB), (3, ADA)]
    assert exported("--until", yesterday, "--user", str(ADA)) == [(1, ADA)]
    assert exported("--until", today) == [(1, ADA)]


def test_the_tail_shows_the_newest_events_last(app: Flask) -> None:
    record(ADA, BOB, reason="reported")

    (line,) = run(app, "tail", "-n", "1").splitlines()

    assert line.split()[2:5] == [str(entries(app)[-1].id), "user.frozen", str(BOB)]
    assert "192.0.2.7  reason=reported" in line


def test_many_events_at_once_are_chained_in_their_order(app: Flask) -> None:
    with transaction():
        audit.record_for_each("user.imported", list(range(1, 1_200)), at=clock.now(), verified=True)
        audit.record("users.imported", user_id=None, client=COMMAND_LINE, at=clock.now(), imported=1_199)

    report = verifying.verify()
    assert (report.is_intact, report.events) == (True, 1_200)
    assert [entry.user_id for entry in entries(app)][:3] == [1, 2, 3]
