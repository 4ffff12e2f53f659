"""`flask apps`: the backends that call this service, and their keys."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import click

from otp_service import spending
from otp_service.backends import apps
from otp_service.backends.app_keys import PREFIX, Key, Scope
from otp_service.backends.apps import SLOTS, AppFault, AppShown
from otp_service.operators.arguments import confirm
from otp_service.operators.output import CommandGroup, as_json, named, print_fields, print_json, print_table

MOST_SENDS = 10_000_000
_AMOUNT = re.compile(r"[0-9]{1,7}(\.[0-9]{1,4})?")
Command = TypeVar("Command", bound=Callable[..., Any])
Value = TypeVar("Value")

_HELP = """Add, show and delete apps: the backends that call this service, and their API keys.

NAME is the name of an app. A key is printed once, when it is made; only a hash of it is stored. Exit codes: 0 success,
1 rejected or not found, 2 wrong usage.
"""

_EXAMPLES = """\b
Examples:
  flask apps create shop --scope verifications
  flask apps create support --scope users:read --scope users:write
  flask apps add-key shop
"""

_SHOWN_ONCE = "This is the only time that the key is shown. Store it where the backend reads its secrets."

apps_cli = CommandGroup("apps", help=_HELP, short_help="Let other services call this one.", expected=(AppFault,))


sends_per_day = click.option(
    "--sends-per-day", type=click.IntRange(1, MOST_SENDS), help="The most messages that the app may send a day."
)


class _Amount(click.ParamType[Decimal]):
    """An amount of money above 0, with up to four decimals."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Read it. Raises BadParameter."""
        if isinstance(value, Decimal):
            return value
        if not _AMOUNT.fullmatch(value) or not Decimal(value):
            self.fail(f"{value!r} is no amount above 0 with up to four decimals, such as 25 or 12.50.", param, ctx)
        return Decimal(value)


spend_per_day = click.option(
    "--spend-per-day",
    type=_Amount(),
    metavar="AMOUNT",
    help="The most that the app's messages may cost a day (UTC), in SPEND_CURRENCY.",
)


def scopes(*, required: bool) -> Callable[[Command], Command]:
    """Return the option --scope."""
    about = "What the app may do. Repeat the option for more than one scope."
    choices = click.Choice([scope.value for scope in Scope])
    return click.option("--scope", "scopes", type=choices, multiple=True, required=required, help=about)


@apps_cli.command("create", short_help="Add an app, and print its key.", epilog=_EXAMPLES)
@click.argument("name")
@scopes(required=True)
@sends_per_day
@spend_per_day
@as_json
def create(
    name: str, scopes: tuple[str, ...], sends_per_day: int | None, spend_per_day: Decimal | None, wants_json: bool
) -> None:
    """Add an app called NAME (1 to 40 letters, digits, dots, hyphens and underscores), and print its key once."""
    limits: dict[str, Any] = {"sends_per_day": sends_per_day, "spend_per_day": spend_per_day}
    _print_key(*apps.create(name, scopes=map(Scope, scopes), **limits), wants_json)


@apps_cli.command("list")
@as_json
def list_apps(wants_json: bool) -> None:
    """List apps, the oldest first."""
    found = apps.list_all()
    if wants_json:
        print_json([_shown(app) for app in found])
        return
    print_table(
        ("ID", "NAME", "SCOPES", "SENDS A DAY", "SPEND A DAY", "STATE", "KEYS", "LAST USED (UTC)"),
        [_row(app) for app in found],
        if_empty="No apps yet. Add one with: flask apps create NAME --scope verifications",
    )


def _row(app: AppShown) -> tuple[object, ...]:
    limits = (app.sends_per_day, _spend(app))
    return (app.id, app.name, " ".join(app.scopes), *limits, _state(app), len(app.keys), _last_use(app))


@apps_cli.command("show")
@click.argument("name")
@as_json
def show(name: str, wants_json: bool) -> None:
    """Show the app NAME and the ids of its keys."""
    _print_app(apps.get(name), wants_json)


@apps_cli.command("change")
@click.argument("name")
@scopes(required=False)
@sends_per_day
@click.option("--no-daily-limit", is_flag=True, help="Remove the limit of --sends-per-day.")
@spend_per_day
@click.option("--no-spend-limit", is_flag=True, help="Remove the limit of --spend-per-day.")
@as_json
def change(name: str, scopes: tuple[str, ...], wants_json: bool, **limits: Any) -> None:
    """Change what the app NAME may do, from its next request on. Keys stay; --scope replaces all earlier scopes."""
    limit = _limit(limits["sends_per_day"], limits["no_daily_limit"], "--sends-per-day or --no-daily-limit")
    spend = _limit(limits["spend_per_day"], limits["no_spend_limit"], "--spend-per-day or --no-spend-limit")
    if not scopes and limit is None and spend is None:
        raise click.UsageError("Say --scope, --sends-per-day, --spend-per-day, or which limit to remove.")
    _print_app(apps.change(name, scopes=map(Scope, scopes), limit=limit, spend=spend), wants_json)


def _limit(given: Value | None, is_removed: bool, names: str) -> tuple[Value | None] | None:
    """Return a limit to store, None to leave it as it is."""
    if given is not None and is_removed:
        raise click.UsageError(f"Say {names}, not both.")
    return (given,) if given is not None or is_removed else None


@apps_cli.command("add-key")
@click.argument("name")
@as_json
def add_key(name: str, wants_json: bool) -> None:
    """Add a second key to the app NAME, and print it once.

    Both keys are valid until you revoke one, so a key is changed without a pause: add a key, let the backend use it,
    see in `flask apps show NAME` that it does, and revoke the older one.
    """
    _print_key(*apps.add_key(name), wants_json)


@apps_cli.command("revoke-key")
@click.argument("name")
@click.argument("key_id")
def revoke_key(name: str, key_id: str) -> None:
    """Revoke the key KEY_ID of the app NAME at once. `flask apps show NAME` lists the ids."""
    # A pasted key works too; its secret part is not needed, and the output does not repeat it.
    bare = key_id.removeprefix(PREFIX).partition("_")[0]
    apps.revoke_key(name, bare)
    click.echo(f"Revoked the key {bare} of {name}.")


@apps_cli.command("disable")
@click.argument("name")
@as_json
def disable(name: str, wants_json: bool) -> None:
    """Reject all requests of the app NAME, until `flask apps enable`."""
    _print_app(apps.disable(name), wants_json)


@apps_cli.command("enable")
@click.argument("name")
@as_json
def enable(name: str, wants_json: bool) -> None:
    """Accept the requests of the app NAME again."""
    _print_app(apps.enable(name), wants_json)


@apps_cli.command("delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def delete(name: str, yes: bool) -> None:
    """Delete the app NAME, its keys and its verifications.

    The command asks for confirmation; without a terminal it needs --yes.
    """
    app = apps.get(name)
    if not yes:
        confirm(f"Delete the app {app.name}, its keys and its verifications for good?")
    apps.remove(name)
    click.echo(f"Deleted the app {app.name}.")


def _print_key(app: AppShown, key: Key, wants_json: bool) -> None:
    """Print a new key: alone on standard output, so that a script can take it."""
    if wants_json:
        print_json({**_shown(app), "keyId": key.id, "key": key.text})
        return
    click.echo(f"{app.name} has {len(app.keys)} of {len(SLOTS)} keys. {_SHOWN_ONCE}", err=True)
    click.echo(key.text)


def _print_app(app: AppShown, wants_json: bool) -> None:
    shown = _shown(app)
    if wants_json:
        print_json(shown)
        return
    keys = shown.pop("keys")
    print_fields({**shown, "scopes": " ".join(app.scopes), "state": _state(app)})
    click.echo(f"\nkeys: {len(keys)}")
    print_table(
        ("KEY ID", "CREATED (UTC)", "LAST USED (UTC)"),
        [(key.id, key.created_at, key.last_used_at) for key in app.keys],
        if_empty=f"No key. Make one with: flask apps add-key {app.name}",
    )


def _shown(app: AppShown) -> dict[str, Any]:
    # As text: a JSON number would lose decimals of an amount.
    return {**named(app), "spendPerDay": _spend(app), "keys": [named(key) for key in app.keys]}


def _spend(app: AppShown) -> str | None:
    return None if app.spend_per_day is None else spending.in_words(spending.units_of(app.spend_per_day))


def _state(app: AppShown) -> str:
    return "active" if app.disabled_at is None else "disabled"


def _last_use(app: AppShown) -> Any:
    return max((key.last_used_at for key in app.keys if key.last_used_at), default=None)
