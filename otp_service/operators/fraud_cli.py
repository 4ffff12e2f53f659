"""`flask fraud`: what the fraud guard decides and why, and rules replayed over past traffic."""

import csv
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from otp_service.core import clock, phone
from otp_service.core.addresses import plain_address
from otp_service.core.text import camel_case
from otp_service.fraud import explaining, folding, history, resetting
from otp_service.fraud.event_file import COLUMNS, Event, EventFileError, read_events
from otp_service.fraud.explaining import BlockShown, DepthShown, Explanation
from otp_service.fraud.guard import Decision
from otp_service.fraud.policies import POLICIES
from otp_service.fraud.prefix_rules import RuleFault
from otp_service.fraud.replay import Summary, replay, summarize
from otp_service.fraud.screening import Wanted
from otp_service.operators.arguments import confirm, operator_name
from otp_service.operators.fraud_rules_cli import Moment, read_prefix
from otp_service.operators.output import CommandGroup, as_json, named, print_fields, print_json, print_table
from otp_service.providers import Channel
from otp_service.spending import expected_price
from otp_service.verifications import find_destination

_HELP = """See what the guard against SMS pumping decides, and overrule it.

The guard refuses codes to ranges of numbers whose codes are paid for and not typed in. docs/fraud.md explains it.
"""

_EXAMPLES = """\b
Examples:
  flask fraud status
  flask fraud explain +447400123456
  flask fraud allow +447400 --reason "our own test phones" --for 30d
  flask fraud deny +881 --reason "satellite phones"
"""

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)

fraud_cli = CommandGroup(
    "fraud",
    expected=(EventFileError, RuleFault),
    help=_HELP,
    epilog=_EXAMPLES,
    short_help="See and overrule the guard against SMS pumping.",
)


@fraud_cli.command("status")
@as_json
def status(wants_json: bool) -> None:
    """Show the mode, the blocks with what they saved and when each ends, and how much the guard remembers."""
    folding.catch_up()
    found = explaining.status()
    if wants_json:
        print_json(_plain(found))
        return
    fields = named(found)
    print_fields({name: value for name, value in fields.items() if name != "blocks"})
    click.echo()
    print_table(
        ("BLOCK", "DEPTH", "VERIFIED", "FAILED", "PENDING", "ODDS", "BOUND", "REFUSED", "SAVED", "SINCE (UTC)",
         "ENDS (UTC)", "NEXT PROBE (UTC)"),
        [_row(block) for block in found.blocks],
        if_empty="No blocks.",
    )  # fmt: skip


@fraud_cli.command("explain")
@click.argument("number")
@click.option("--ip", default="", help="The address of the client that asks.")
@click.option("--channel", type=click.Choice([channel.value for channel in Channel]), default="sms", show_default=True)
@as_json
def explain(number: str, ip: str, channel: str, wants_json: bool) -> None:
    """Say whether a code would be sent to NUMBER now, and which counts decide.

    ODDS is the logarithm of how much likelier an attack is than honest traffic; above BOUND, refusing costs less than
    sending. The narrowest depth that refuses decides.
    """
    found = explaining.explain(_wanted(read_prefix(number), ip, Channel(channel)))
    if wants_json:
        print_json(_plain(found))
        return
    _print_explanation(found)


@fraud_cli.command("reset")
@click.argument("prefix", metavar="[PREFIX|NUMBER]", required=False)
@click.option("--all", "is_for_all", is_flag=True, help="Forget all that the guard knows.")
@click.option("--yes", is_flag=True, help="With --all: do not ask for confirmation.")
@as_json
def reset(prefix: str | None, is_for_all: bool, yes: bool, wants_json: bool) -> None:
    """Forget what the guard knows of PREFIX or NUMBER, and whatever wider block refuses it. Rules stay."""
    if (prefix is None) is not is_for_all:
        raise click.UsageError("Name a PREFIX or NUMBER, or say --all.")
    folding.catch_up()
    if prefix is None:
        if not yes:
            confirm("Forget all that the guard knows? It learns from the start, and blocks end.")
        count, keys = resetting.reset_all(author=operator_name()), None
    else:
        keys = resetting.reset(read_prefix(prefix), author=operator_name())
        count = len(keys)
    if wants_json:
        print_json({"forgotten": count, "keys": keys})
        return
    for key in keys or ():
        click.echo(key)
    click.echo(f"Forgot {count} node{'' if count == 1 else 's'}.")


@fraud_cli.command("events")
@click.option(
    "--since", type=Moment(is_past=True), help="From this time on (UTC), or 90m, 12h, 30d, 2w ago; all if left out."
)
@click.option("--until", type=Moment(is_past=True), help="Up to this time (UTC), or 90m, 12h, 30d, 2w ago.")
def events(since: datetime | None, until: datetime | None) -> None:
    """Print the history as CSV for `flask fraud replay`.

    Each number stands for another one of the same thousand. Refusals of a minute that were counted together come
    together. The label is a guess: `attack` for what the guard refused, or would have, and was not verified.
    """
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for past in history.between(since=since or _BEGINNING, until=until or clock.now()):
        after = "" if past.verified_after is None else f"{past.verified_after:.3f}"
        is_legit = past.decision == "allow" or bool(after)
        row = (
            f"{past.at:%Y-%m-%dT%H:%M:%S.%fZ}", past.number, past.ip or "0.0.0.0", past.channel, past.price, after,  # noqa: S104
            "legit" if is_legit else "attack",
        )  # fmt: skip
        for _ in range(past.times):
            writer.writerow(row)


@fraud_cli.command("replay", with_appcontext=False)
@click.argument("events", metavar="EVENTS.csv", type=click.Path(path_type=Path))
@click.option(
    "--policy", type=click.Choice(list(POLICIES)), default="guard", show_default=True, help="The rules to follow."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write each decision to this CSV file.")
@as_json
def replay_events(events: Path, policy: str, out: Path | None, wants_json: bool) -> None:
    """Replay EVENTS.csv against a policy, and sum up what the attack cost and whom the policy refused.

    The file has the columns at, phoneNumber, ip, channel, price, verifiedAfter and label (docs/fraud.md). No message is
    sent, and no database is read or written.
    """
    rows = read_events(events)
    decisions = list(replay(rows, POLICIES[policy]()))
    if out is not None:
        _write(out, rows, decisions)
    summary = summarize(rows, decisions)
    if wants_json:
        print_json(_as_json(summary))
    else:
        print_fields(_as_json(summary))


def _as_json(summary: Summary) -> dict[str, int | float | None]:
    return {
        "attackSends": summary.attack_sends,
        "attackAllowed": summary.attack_allowed,
        "attackSpend": float(summary.attack_spend),
        "undefendedAttackSpend": float(summary.undefended_attack_spend),
        "legitSends": summary.legit_sends,
        "legitRefused": summary.legit_refused,
        "legitRefusedShare": round(summary.legit_refused_share, 6),
        "secondsToFirstBlock": summary.seconds_to_first_block,
        "secondsToContain": summary.seconds_to_contain,
    }


def _write(path: Path, events: Sequence[Event], decisions: Sequence[Decision]) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("at", "phoneNumber", "decision", "reason"))
            writer.writerows(
                (event.at_text, event.attempt.number, decision.action, decision.reason)
                for event, decision in zip(events, decisions, strict=True)
            )
    except OSError as error:
        raise EventFileError(f"{path} cannot be written: {error.strerror}") from error


def _wanted(number: str, ip: str, channel: Channel) -> Wanted:
    """Return a message to a number by a channel, at its expected price. Raises RuleFault, DestinationNotAllowed."""
    if phone.parse(number) is None:
        raise RuleFault(f"{number} is a prefix. Name a whole number.")
    destination = find_destination(number, channel)
    step = destination.steps[0]
    price = expected_price(step.provider, step.channel, destination.country)
    return Wanted(number, plain_address(ip), step.channel, price)


def _row(block: BlockShown) -> tuple[object, ...]:
    key = block.key if block.is_enforced else f"{block.key} (recorded)"
    counts = (block.verified, block.failed, block.pending, block.odds, block.bound, block.refused, block.money_saved)
    return (key, block.depth, *counts, block.started_at, block.ends_at, block.next_probe_at)


def _print_explanation(found: Explanation) -> None:
    fields = {name: value for name, value in named(found).items() if name not in {"rules", "depths"}}
    print_fields(fields)
    for rule in found.rules:
        click.echo(f"{'rule':<24} {rule.action} {rule.prefix} by {rule.author}: {rule.reason}")
    click.echo()
    print_table(
        ("DEPTH", "KEY", "VERIFIED", "FAILED", "PENDING", "ODDS", "BOUND", "REFUSES", "ENDS (UTC)"),
        [_depth_row(depth) for depth in found.depths],
    )


def _depth_row(depth: DepthShown) -> tuple[object, ...]:
    counts = (depth.verified, depth.failed, depth.pending, depth.odds, depth.bound)
    return (depth.depth, depth.key, *counts, "yes" if depth.is_refusing else "no", depth.ends_at)


def _plain(value: Any) -> dict[str, Any]:
    """Return a dataclass as JSON values, with names in camelCase."""
    return {camel_case(name): _json(part) for name, part in asdict(value).items()}


def _json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {camel_case(name): _json(part) for name, part in value.items()}
    return [_json(part) for part in value] if isinstance(value, list) else value
