"""`flask audit`: verify the audit trail, publish its heads, read it, and delete what is old."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson

from otp_service import hooks
from otp_service.audit import AuditSettings, adoption, heads, listing, pruning, signers, verifying
from otp_service.audit.adoption import Doubtful, MayNotChange
from otp_service.audit.faults import Fault
from otp_service.audit.heads import HeadFault, Published
from otp_service.audit.listing import Follower, Wanted
from otp_service.audit.pruning import MayNotDelete, Tampered
from otp_service.audit.trail import Entry
from otp_service.audit.verifying import Report
from otp_service.core import clock
from otp_service.core.services import settings
from otp_service.core.text import shown
from otp_service.operators.arguments import find_user
from otp_service.operators.output import CommandGroup, as_json, named, print_json

POLL_SECONDS = 1.0
_JSON = orjson.OPT_UTC_Z
_NEEDS = "The role of DATABASE_URL may not {} audit events. Run this by a role that may (docs/audit.md, Grants)."
_DOUBTS = (
    "An intruder may have added them. No event was taken. If a process of an older version wrote all of them during an"
    " upgrade, add --despite-doubts, which is recorded."
)
_STOPPED = "It and what follows was not deleted. Run flask audit verify, and keep a copy of the database."
_TIME = click.DateTime(("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"))

audit_cli = CommandGroup("audit", help="Verify the audit trail, publish its heads, read it, and delete what is old.")


@audit_cli.command("verify")
@click.option("--head", type=click.Path(path_type=Path), help="What `flask audit head` printed earlier.")
@as_json
def verify(head: Path | None, wants_json: bool) -> None:
    """Read the whole trail, and name every event that was edited, deleted, inserted, re-ordered or back-dated.

    With --head, also show that the trail still holds what it held when that head was signed. Exit code 1 if anything is
    wrong. The service may keep running.
    """
    kept_since = clock.now() - settings().of(AuditSettings).kept_for
    report = verifying.verify(_read_head(head) if head else (), kept_since=kept_since)
    if wants_json:
        print_json({"intact": report.is_intact, **_shown(report)})
    else:
        _print(report, head)
    if not report.is_intact:
        sys.exit(1)


def _read_head(path: Path) -> list[Published]:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{path} cannot be read: {error}") from error
    try:
        return heads.read_signed(text, signers.all_keys())
    except HeadFault as fault:
        raise click.ClickException(f"{path} is no head of this trail: {fault}") from fault


def _shown(report: Report) -> dict[str, Any]:
    return {
        "events": report.events, "shards": report.shards, "unchained": report.unchained, "faults": report.faults,
        "clocks": report.clocks, "isShortened": report.is_shortened,
    }  # fmt: skip


def _print(report: Report, head: Path | None) -> None:
    for fault in report.faults:
        click.echo(_line(fault))
    if report.is_shortened:
        click.echo("There are more faults. Only the first ones of each shard are listed.")
    for note in report.clocks:
        click.echo(f"note: {_line(note)}: a clock was wrong, or the act took long")
    if report.unchained and report.is_intact:  # an adoption would hide what is wrong
        click.echo(f"note: {report.unchained} events are older than the chains, and not covered: flask audit adopt")
    if report.is_intact:
        held = f" It holds all that {head} says." if head else ""
        click.echo(f"The audit trail is intact: {report.events} events in {report.shards} shards.{held}")
    else:
        click.echo("The audit trail was tampered with. Keep a copy of the database (docs/audit.md).", err=True)


def _line(fault: Fault) -> str:
    places = {"shard": fault.shard, "sequence": fault.sequence, "id": fault.id}
    place = ", ".join(f"{name} {value}" for name, value in places.items() if value is not None)
    return f"{place}: {fault.kind}: {fault.detail}"


@audit_cli.command("head")
def head() -> None:
    """Print the signed heads of all shards, as JSON. Store them where the owner of the database cannot change them."""
    click.echo(orjson.dumps(named(heads.sign(at=clock.now())), option=_JSON).decode())


@audit_cli.command("export")
@click.option("--since", type=_TIME, help="The first day or time (UTC) to export.")
@click.option("--until", type=_TIME, help="The day or time (UTC) to export up to, exclusive.")
@click.option("--user", "who", metavar="WHO", help="Only events of this user: id, e-mail address or phone number.")
def export(since: datetime | None, until: datetime | None, who: str | None) -> None:
    """Print events as JSON lines, the oldest first, with the digests and links that prove their places."""
    wanted = Wanted(_utc(since), _utc(until), None if who is None else _user_id(who))
    for line in listing.export(wanted):
        click.echo(orjson.dumps(line, option=_JSON).decode())


def _utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=UTC)


def _user_id(who: str) -> int:
    # An erased user has no account any more, but an id.
    return int(who) if who.isascii() and who.isdigit() and len(who) < 10 else find_user(who).id  # noqa: PLR2004


@audit_cli.command("tail")
@click.option("-n", "--lines", type=click.IntRange(0, 10_000), default=20, show_default=True, help="Events to print.")
@click.option("-f", "--follow", is_flag=True, help="Go on and print new events, until Ctrl-C.")
@as_json
def tail(lines: int, follow: bool, wants_json: bool) -> None:
    """Print the newest events, the newest last."""
    found = listing.newest(lines) if lines else []
    _print_entries(found, wants_json=wants_json)
    follower = Follower(found)
    while follow:
        time.sleep(POLL_SECONDS)
        _print_entries(follower.read(), wants_json=wants_json)


def _print_entries(entries: list[Entry], *, wants_json: bool) -> None:
    for entry in entries:
        line = orjson.dumps(listing.as_json(entry), option=_JSON).decode() if wants_json else _text(entry)
        click.echo(line)
    sys.stdout.flush()


def _text(entry: Entry) -> str:
    user = "-" if entry.user_id is None else str(entry.user_id)
    facts = " ".join(f"{name}={shown(value)}" for name, value in entry.facts.items())
    client = shown(entry.ip or entry.agent or "-")
    return f"{entry.at:%Y-%m-%d %H:%M:%S}  {entry.id:>8}  {entry.event:<30} {user:>8}  {client}  {facts}".rstrip()


@audit_cli.command("prune")
@click.option("--despite-faults", is_flag=True, help="Delete events that were tampered with, too.")
def prune(despite_faults: bool) -> None:
    """Delete the events that are older than AUDIT_RETENTION, from the oldest on. The rest still verifies.

    The worker does the same, unless its role of the database may not delete events. It stops at an event that was
    tampered with. Keep a copy of the database before you delete such events with --despite-faults.
    """
    before = clock.now() - settings().of(AuditSettings).kept_for
    try:
        keep_from = hooks.oldest_needed_event()
        deleted = pruning.prune(before, keep_from=keep_from, despite_faults=despite_faults)
    except MayNotDelete as error:
        raise click.ClickException(_NEEDS.format("delete")) from error
    except Tampered as found:
        raise click.ClickException(f"{_line(found.fault)}. {_STOPPED}") from found
    click.echo(f"Deleted {deleted} events older than {before:%Y-%m-%d %H:%M:%S}.")


@audit_cli.command("adopt")
@click.option("--despite-doubts", is_flag=True, help="Take events, too, that are no older than the chains.")
def adopt(despite_doubts: bool) -> None:
    """Take the events that are older than the chains into a chain, and encrypt them.

    Run it once after an upgrade, when no process of the older version runs any more. You can stop it at any time and
    run it again. It refuses and lists events that are no older than the chains: an intruder may have added them.
    """
    try:
        adopted = adoption.adopt(lambda done: click.echo(f"{done} events", err=True), despite_doubts=despite_doubts)
    except Doubtful as found:
        for row in found.events:
            user = "-" if row.user_id is None else row.user_id
            click.echo(f"id {row.id}: {row.at:%Y-%m-%d %H:%M:%S} {shown(row.event)}, user {user}", err=True)
        raise click.ClickException(f"{found}. {_DOUBTS}") from found
    except MayNotChange as error:
        raise click.ClickException(_NEEDS.format("change")) from error
    click.echo(f"{adopted} events are now in a chain.")
