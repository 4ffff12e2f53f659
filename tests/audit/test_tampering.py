"""A row that is changed behind the service's back is found and named, whatever was done to it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Row, delete, insert, select, update

from otp_service import audit
from otp_service.audit import COMMAND_LINE, bases, chain
from otp_service.audit.models import AuditBase, AuditEvent, AuditHead, AuditKey
from otp_service.core import clock
from otp_service.core.database.transactions import execute, fetch_all, note_for_transaction, transaction

CHAIN = 5
"""Events of the shard that is tampered with."""

EVENTS = AuditEvent.__table__.c


@dataclass(frozen=True)
class Trail:
    """A trail whose newest events, all in one shard, are `rows`."""

    app: Flask
    rows: list[Row[Any]]

    def verify(self, *options: str) -> tuple[int, dict[str, Any]]:
        """The exit code and report of `flask audit verify`."""
        told = self.app.test_cli_runner().invoke(args=["audit", "verify", "--json", *options])
        assert told.stdout, told.exception or told.output
        return told.exit_code, json.loads(told.stdout)


@pytest.fixture
def trail(app: Flask) -> Iterator[Trail]:
    """Three events of others, then a shard of five."""
    with app.app_context():
        for shard in (1, 2, 3):
            record(1, user_id=8, shard=shard)
        record(CHAIN, user_id=7, shard=0)
        yield Trail(app, [row for row in rows() if row.shard == 0])


def record(count: int, *, user_id: int, shard: int) -> None:
    with transaction():
        note_for_transaction(AuditHead, shard)  # else chance chooses it
        for _ in range(count):
            audit.record("user.frozen", user_id=user_id, client=COMMAND_LINE, at=clock.now(), reason="x")


def rows() -> list[Row[Any]]:
    return list(fetch_all(select(*EVENTS).order_by(EVENTS.id)))


def set_in(row: Row[Any], **values: Any) -> None:
    execute(update(AuditEvent).where(EVENTS.id == row.id).values(**values))


def drop(*gone: Row[Any]) -> None:
    execute(delete(AuditEvent).where(EVENTS.id.in_([row.id for row in gone])))


def add(row: Row[Any], **changes: Any) -> None:
    values = {**row._mapping, **changes}
    execute(insert(AuditEvent).values({name: value for name, value in values.items() if value is not None}))


def swap_ids(one: Row[Any], other: Row[Any]) -> None:
    set_in(one, id=1_000_000)
    set_in(other, id=one.id)
    execute(update(AuditEvent).where(EVENTS.id == 1_000_000).values(id=other.id))


def swap_texts(one: Row[Any], other: Row[Any]) -> None:
    names = ("at", "event", "user_id", "key_id", "sealed", "signer", "digest")
    for row, source in ((one, other), (other, one)):
        set_in(row, **{name: source._mapping[name] for name in names})


def write_again(listed: list[Row[Any]]) -> None:
    """Delete the second row, and compute the links of all later ones by the public rule."""
    drop(listed[1])
    link = listed[0].link
    for sequence, row in enumerate(listed[2:], start=2):
        link = chain.next_link(link, sequence, row.digest)
        set_in(row, sequence=sequence, link=link)
    is_it = AuditHead.shard == 0
    execute(update(AuditHead).where(is_it).values(sequence=CHAIN - 1, link=link))


def forge_base(listed: list[Row[Any]]) -> None:
    """Delete the oldest rows, and note it as the service notes what it deleted for its age."""
    drop(*listed[:2])
    base = {"shard": 0, "sequence": 2, "link": listed[1].link, "signer": listed[1].signer}
    execute(insert(AuditBase).values(**base, seal=b"\0" * 32))


Tamper = Callable[[list[Row[Any]]], None]
DAY = timedelta(days=1)
TAMPERINGS: dict[str, tuple[Tamper, str, int | None, int | None]] = {
    # What is done, the kind that is told, and the numbers in the shard and in the list of rows of what is named.
    "an edited event": (lambda r: set_in(r[2], event="user.unlocked_by_operator"), "edited", 3, 2),
    "an edited user": (lambda r: set_in(r[2], user_id=8), "edited", 3, 2),
    "edited facts": (lambda r: set_in(r[2], sealed=bytes([*r[2].sealed[:-1], r[2].sealed[-1] ^ 1])), "edited", 3, 2),
    "a text beside the sealed facts": (lambda r: set_in(r[2], agent="someone else"), "edited", 3, 2),
    "a back-dated event": (lambda r: set_in(r[2], at=r[2].at - DAY), "back-dated", 3, 2),
    "a post-dated event": (lambda r: set_in(r[4], at=r[4].at + DAY), "edited", 5, 4),
    "the first one deleted": (lambda r: drop(r[0]), "deleted", 1, None),
    "one in the middle deleted": (lambda r: drop(r[2]), "deleted", 3, None),
    "the last one deleted": (lambda r: drop(r[4]), "deleted", 5, None),
    "all deleted": (lambda r: drop(*r), "deleted", 1, None),
    "one copied": (lambda r: add(r[1], id=None), "inserted", 2, None),
    "one added at the end": (lambda r: add(r[4], id=None, sequence=6), "inserted", 6, None),
    "one added outside the chains": (
        lambda r: add(r[4], **dict.fromkeys(("id", "shard", "sequence", "digest", "link", "seal", "signer"))),
        "inserted", None, None,
    ),
    "two with exchanged ids": (lambda r: swap_ids(r[1], r[2]), "re-ordered", 2, 2),
    "two with exchanged texts": (lambda r: swap_texts(r[1], r[2]), "re-ordered", 2, 1),
    "a chain that was written again": (write_again, "re-ordered", 2, 2),
    "a forged deletion for age": (forge_base, "deleted", 1, None),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_was_done_to_a_row_is_found_and_named(trail: Trail, name: str) -> None:
    tamper, kind, sequence, number = TAMPERINGS[name]
    with transaction():
        tamper(trail.rows)

    code, report = trail.verify()

    found = [fault for fault in report["faults"] if fault["kind"] == kind and fault["sequence"] == sequence]
    assert (code, report["intact"]) == (1, False)
    assert found, report
    if number is not None:
        assert found[0]["id"] == trail.rows[number].id
    if sequence is not None:
        assert found[0]["shard"] == 0


def test_an_untouched_trail_is_intact_and_says_how_much_it_holds(trail: Trail) -> None:
    code, report = trail.verify()

    assert (code, report["intact"], report["faults"], report["unchained"]) == (0, True, [], 0)
    assert report["events"] == len(rows())


def test_a_shortened_chain_is_found_by_a_head_that_was_published_before(trail: Trail, tmp_path: Path) -> None:
    head = tmp_path / "head.json"
    head.write_text(2 * trail.app.test_cli_runner().invoke(args=["audit", "head"]).stdout)
    assert trail.verify("--head", str(head))[0] == 0
    with transaction():
        # What the database's owner can do without a key: the end of the chain as it was before.
        drop(trail.rows[4])
        is_it = AuditHead.shard == 0
        execute(update(AuditHead).where(is_it).values(sequence=4, link=trail.rows[3].link))

    assert trail.verify()[0] == 0
    code, report = trail.verify("--head", str(head))

    assert code == 1
    assert [(one["kind"], one["shard"], one["sequence"]) for one in report["faults"]] == [("deleted", 0, 5)]


@pytest.mark.parametrize(
    "spoil", [lambda text: text.replace("eyJ", "eyK", 1), lambda _: "{}", lambda _: "no JSON", lambda _: ""]
)
def test_a_head_that_this_service_did_not_sign_is_an_error(
    trail: Trail, tmp_path: Path, spoil: Callable[[str], str]
) -> None:
    head = tmp_path / "head.json"
    head.write_text(spoil(trail.app.test_cli_runner().invoke(args=["audit", "head"]).stdout))

    told = trail.app.test_cli_runner().invoke(args=["audit", "verify", "--head", str(head)])

    assert told.exit_code == 1
    assert "is no head of this trail" in told.output


def test_the_worker_deletes_no_event_whose_time_was_changed_and_says_what_to_do(
    trail: Trail, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    head = tmp_path / "head.json"
    head.write_text(trail.app.test_cli_runner().invoke(args=["audit", "head"]).stdout)
    before = len(rows())
    with transaction():
        execute(update(AuditEvent).where(EVENTS.id <= trail.rows[2].id).values(at=clock.now() - 500 * DAY))

    assert audit.forget(clock.now() - 400 * DAY) == 0

    (line,) = [one for one in caplog.records if one.message == "audit.tampered"]
    assert (line.levelname, "flask audit verify" in line.__dict__["reason"], len(rows())) == ("ERROR", True, before)
    told = trail.app.test_cli_runner().invoke(args=["audit", "prune", "--despite-faults"])
    assert "Deleted 6 events" in told.output
    assert trail.verify()[0] == 0
    code, report = trail.verify("--head", str(head))
    assert (code, {one["kind"] for one in report["faults"]}) == (1, {"deleted"})
    assert {one["shard"] for one in report["faults"]} == {0, 1, 2, 3}


def test_the_worker_deletes_no_event_behind_a_missing_one(trail: Trail) -> None:
    long_ago = clock.now() - 500 * DAY
    with transaction():
        note_for_transaction(AuditHead, 10)
        for _ in range(3):
            audit.record("user.frozen", user_id=7, client=COMMAND_LINE, at=long_ago)
    old = rows()[-3:]
    with transaction():
        drop(*rows()[:-3], old[1])

    audit.forget(clock.now() - 400 * DAY)

    assert [row.id for row in rows()] == [old[2].id]


def unchain_all() -> None:
    """What would make every event one from before there were chains."""
    names = ("shard", "sequence", "key_id", "sealed", "signer", "digest", "link", "seal")
    execute(update(AuditEvent).values(**dict.fromkeys(names), facts={"reason": "forged"}))
    execute(delete(AuditHead))
    execute(delete(AuditBase).where(AuditBase.shard >= 0))


@pytest.mark.parametrize("has_note", [True, False])
def test_a_trail_that_was_written_again_without_chains_is_found_and_not_adopted(trail: Trail, has_note: bool) -> None:
    if has_note:
        bases.note_if_all_are_chained()
    with transaction():
        unchain_all()
        if has_note:
            execute(delete(AuditKey))

    code, report = trail.verify()
    told = trail.app.test_cli_runner().invoke(args=["audit", "adopt"])
    said = trail.app.test_cli_runner().invoke(args=["audit", "verify"])

    assert (code, report["unchained"], {one["id"] for one in report["faults"]} >= {trail.rows[0].id}) == (1, 0, True)
    assert (told.exit_code, f"id {trail.rows[0].id}: " in told.output) == (1, True)
    assert "adopt" not in said.output
    assert {row.shard for row in rows()} == {None}


def test_an_event_added_outside_the_chains_is_not_adopted(trail: Trail) -> None:
    with transaction():
        add(trail.rows[4], **dict.fromkeys(("id", "shard", "sequence", "digest", "link", "seal", "signer")))

    told = trail.app.test_cli_runner().invoke(args=["audit", "adopt"])

    assert (told.exit_code, "1 events in no chain are no older than the chains" in told.output) == (1, True)


@pytest.mark.parametrize("spoil", [delete(AuditKey), update(AuditKey).values(sealed_key="x")])
def test_keys_that_are_gone_without_an_erasure_are_named(trail: Trail, spoil: Any) -> None:
    with transaction():
        note_for_transaction(AuditHead, 0)
        audit.record("fraud.rule_added", user_id=None, client=COMMAND_LINE, at=clock.now(), author="mallory")
        audit.record("user.deleted", user_id=8, client=COMMAND_LINE, at=clock.now())
        audit.erase_person(8)
    assert trail.verify()[0] == 0
    with transaction():
        execute(spoil)

    code, report = trail.verify()

    found = {(one["kind"], one["id"]) for one in report["faults"]}
    assert (code, found) == (1, {("missing key", trail.rows[0].id), ("missing key", rows()[-2].id)})
