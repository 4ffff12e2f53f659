"""`flask fraud`: what the fraud guard decides and why, and rules replayed over past traffic."""

import csv
from collections.abc import Sequence
from pathlib import Path

import click

from otp_service.fraud.event_file import Event, EventFileError, read_events
from otp_service.fraud.guard import Decision
from otp_service.fraud.policies import POLICIES
from otp_service.fraud.replay import Summary, replay, summarize
from otp_service.operators.output import CommandGroup, as_json, print_fields, print_json

fraud_cli = CommandGroup("fraud", help="The fraud guard.", expected=(EventFileError,))


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
