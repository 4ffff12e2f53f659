"""`flask hooks`: add and change the URLs that get events, and see what became of each event."""

import sys
from typing import Any
from uuid import UUID

import click

from otp_service.backends import apps
from otp_service.backends.apps import AppFault
from otp_service.hooks import State, administration, event_types, probing, records
from otp_service.hooks.administration import HookFault, HookRecord
from otp_service.hooks.allowed_urls import BadUrl
from otp_service.hooks.probing import Finding
from otp_service.hooks.records import Backlog
from otp_service.operators.arguments import confirm
from otp_service.operators.output import CommandGroup, as_json, at_most, print_fields, print_json, print_table

_HELP = """Send events to other services.

A hook is a URL that gets a signed POST request for each event that it names. docs/events.md lists the events, and says
how a receiver verifies them. `flask worker` sends them.
"""

_EXAMPLES = """\b
Examples:
  flask hooks add https://shop.example/hooks --event user.created --event 'session.*'
  flask hooks test 7d0f6a58-2f4e-4a53-9d0c-2f0a9a4c1f10
"""

_SECRET = "Give this secret to the receiver now: it is not shown again."  # noqa: S105 - a text about a secret

hooks_cli = CommandGroup(
    "hooks", expected=(HookFault, AppFault), help=_HELP, short_help="Send events to other services."
)
hook_id = click.argument("hook_id", metavar="ID", type=click.UUID)


@hooks_cli.command("add", short_help="Add a URL that gets events.", epilog=_EXAMPLES)
@click.argument("url")
@click.option("--event", "events", multiple=True, required=True, help="A type, or 'session.*'. May be repeated.")
@click.option("--with-numbers", is_flag=True, help="Send whole phone numbers. They are masked otherwise.")
@click.option("--app", metavar="NAME", help="Only the verifications of this app (see flask apps).")
@click.option("--no-probe", is_flag=True, help="Do not ask the receiver first whether it is there.")
@as_json
def add(
    url: str, events: tuple[str, ...], with_numbers: bool, app: str | None, no_probe: bool, wants_json: bool
) -> None:
    """Add a hook that gets events at URL, and print its id and the secret that its messages are signed with.

    The URL is rejected if its host does not resolve or is private, or if it responds with a redirect. To find out,
    the command sends it one HEAD request and no event.
    """
    try:
        event_types.require_known(events)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--event") from None
    if app is not None:
        apps.get(app)  # a hook for a misspelled app would stay silent
    try:
        host = probing.require_allowed(url)
        finding = None if no_probe else probing.probe(url)
    except BadUrl as error:
        raise click.ClickException(f"The URL {error}.") from None
    hook, secret = administration.add(url, host=host, events=events, app=app, has_numbers=with_numbers)
    if wants_json:
        print_json({**_shown(hook), "secret": secret, "probe": finding})
        return
    print_fields({"id": hook.id, "secret": secret, "events": ", ".join(hook.events)})
    if finding is not None and finding.problem:
        click.echo(f"The receiver did not respond yet: {finding.problem}.", err=True)
    click.echo(f"{_SECRET} Then: flask hooks test {hook.id}", err=True)


@hooks_cli.command("list")
@as_json
def list_hooks(wants_json: bool) -> None:
    """List the hooks, the oldest first, with what waits for each and what was given up."""
    found, backlogs = administration.list_all(), records.backlogs()
    none = Backlog(0, None, 0)
    if wants_json:
        print_json([_shown(hook) | _counts(backlogs.get(hook.id, none)) for hook in found])
        return
    print_table(
        ("ID", "URL", "EVENTS", "APP", "STATE", "PENDING", "DEAD"),
        [
            (hook.id, hook.shown_url, ", ".join(hook.events), hook.app, _state(hook), *_counts(backlog).values())
            for hook in found
            for backlog in [backlogs.get(hook.id, none)]
        ],
        if_empty="No hooks. Add one with: flask hooks add URL --event user.created",
    )


@hooks_cli.command("test")
@hook_id
@as_json
def test(hook_id: UUID, wants_json: bool) -> None:
    """Send a signed message of the type hook.test to the hook with this ID, and print the response.

    Exit code 1 if the response is not 2xx. The worker does not retry this message.
    """
    finding = probing.send_test(hook_id)
    if wants_json:
        print_json(finding)
    else:
        _print_finding(finding)
    if not finding.is_success:
        sys.exit(1)


@hooks_cli.command("deliveries")
@click.option("--hook", "hook_id", metavar="ID", type=click.UUID, help="Only of this hook.")
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only in this state.")
@at_most
@as_json
def list_deliveries(hook_id: UUID | None, state: str | None, limit: int, wants_json: bool) -> None:
    """List deliveries, newest first: pending, delivered (kept for 3 days), or dead (given up; see redeliver).

    The id of a delivery is the webhook-id of its message.
    """
    found = records.deliveries(hook_id=hook_id, state=State(state) if state else None, limit=limit)
    if wants_json:
        print_json(found)
        return
    print_table(
        ("ID", "HOOK", "TYPE", "STATE", "TRIES", "CREATED (UTC)", "NEXT TRY (UTC)", "STATUS", "LAST ERROR"),
        [
            (
                *(one.id, one.hook_id, one.type, one.state, one.attempts, one.created_at),
                *(one.next_try_at if one.state == State.PENDING else None, one.last_status, one.last_error),
            )
            for one in found
        ],
        if_empty="No deliveries.",
    )


@hooks_cli.command("redeliver")
@click.argument("delivery_id", metavar="[DELIVERY]", type=click.UUID, required=False)
@click.option("--dead", "is_for_all", is_flag=True, help="All that were given up.")
@click.option("--hook", "hook_id", metavar="ID", type=click.UUID, help="With --dead: only of this hook.")
def redeliver(delivery_id: UUID | None, is_for_all: bool, hook_id: UUID | None) -> None:
    """Send an event again that was given up or delivered, with the same webhook-id, or all that were given up."""
    if (delivery_id is None) is not is_for_all or (hook_id is not None and not is_for_all):
        raise click.UsageError("Name one DELIVERY, or say --dead, with --hook ID for one hook.")
    if delivery_id is None:
        count = records.redeliver_dead(hook_id)
    elif records.redeliver(delivery_id):
        count = 1
    else:
        raise click.ClickException(f"No delivery that was given up or delivered has the id {delivery_id}.")
    click.echo(f"{count} event{'' if count == 1 else 's'} will be sent again.")


@hooks_cli.command("rotate-secret")
@hook_id
@click.option("--at-once", is_flag=True, help="Stop to sign with the earlier secret now: others know it.")
@as_json
def rotate_secret(hook_id: UUID, at_once: bool, wants_json: bool) -> None:
    """Make another secret for the hook with this ID, and print it.

    For 24 hours messages are signed with both secrets. Change the receiver in this time.
    """
    secret = administration.rotate_secret(hook_id, keeps_earlier=not at_once)
    if wants_json:
        print_json({"id": hook_id, "secret": secret})
        return
    print_fields({"secret": secret})
    click.echo(_SECRET, err=True)


@hooks_cli.command("disable")
@hook_id
def disable(hook_id: UUID) -> None:
    """Send nothing to the hook with this ID. Events that happen meanwhile are not stored for it."""
    administration.disable(hook_id)
    click.echo("The hook is disabled. What waited for it stays: flask hooks enable")


@hooks_cli.command("enable")
@hook_id
def enable(hook_id: UUID) -> None:
    """Send what waits for the hook with this ID, and every event from now on."""
    administration.enable(hook_id)
    click.echo("The hook is enabled.")


@hooks_cli.command("delete")
@hook_id
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def delete(hook_id: UUID, yes: bool) -> None:
    """Delete the hook with this ID, and what waits for it."""
    hook = administration.get(hook_id)
    if not yes:
        confirm(f"Delete the hook to {hook.host} for good?")
    administration.remove(hook_id)
    click.echo("The hook is deleted.")


def _shown(hook: HookRecord) -> dict[str, Any]:
    return {
        "id": hook.id,
        "url": hook.shown_url,
        "events": hook.events,
        "app": hook.app,
        "withNumbers": hook.has_numbers,
        "state": _state(hook),
        "disabledBecause": hook.disabled_because,
        "failingSince": hook.failing_since,
        "createdAt": hook.created_at,
    }


def _counts(backlog: Backlog) -> dict[str, int]:
    return {"pending": backlog.pending, "dead": backlog.dead}


def _state(hook: HookRecord) -> str:
    return "disabled" if hook.disabled_at else "failing" if hook.failures else "enabled"


def _print_finding(finding: Finding) -> None:
    if finding.problem is not None:
        click.echo(f"{finding.problem} ({finding.milliseconds} ms)")
        return
    print_fields({"status": finding.status, "milliseconds": finding.milliseconds, "body": finding.body})
