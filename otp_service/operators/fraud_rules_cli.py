"""`flask fraud allow|deny|list|remove`: the operator's own rules about numbers."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from flask.cli import with_appcontext

from otp_service.core import clock
from otp_service.core.services import settings
from otp_service.fraud import prefix_rules
from otp_service.fraud.prefix_rules import Rule, RuleAction
from otp_service.operators.arguments import confirm, operator_name
from otp_service.operators.output import as_json, named, print_fields, print_json, print_table

_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Moment(click.ParamType[datetime]):
    """A time in ISO 8601, in UTC unless it names another zone: a date, or a date and a time.

    Or a span: from now on, or back from now for the ends of a history.
    """

    name = "time"

    def __init__(self, *, is_past: bool = False) -> None:
        self._direction = -1 if is_past else 1

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the time, aware."""
        try:
            if match := _SPAN.fullmatch(str(value)):
                return clock.now() + self._direction * _span(match)
            moment = datetime.fromisoformat(str(value))
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):  # the latter for a zone at the end of the calendar
            self.fail(f"{value!r} is no time such as 2027-01-31 or 2027-01-31T12:00:00Z", param, ctx)


class _Span(click.ParamType[timedelta]):
    """A span of time: 90m, 12h, 30d, 2w."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the span."""
        match = _SPAN.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is no span such as 90m, 12h, 30d or 2w", param, ctx)
        return _span(match)


def _span(match: re.Match[str]) -> timedelta:
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


prefix_argument = click.argument("prefix", metavar="PREFIX|NUMBER")
_reason = click.option("--reason", required=True, help="Why, for those who read the list later.")
_expires = click.option("--expires", type=Moment(), help="When the rule ends (UTC), such as 2027-01-31.")
_lasts = click.option("--for", "lasts", type=_Span(), help="How long it lasts: 90m, 12h, 30d, 2w.")


@click.command("allow", short_help="Exempt numbers from the guard.")
@with_appcontext
@prefix_argument
@_reason
@_expires
@_lasts
@click.option("--yes", is_flag=True, help="Do not ask for confirmation of a prefix of several countries.")
@as_json
def allow(
    prefix: str, reason: str, expires: datetime | None, lasts: timedelta | None, yes: bool, wants_json: bool
) -> None:
    """Send to numbers that begin with PREFIX, or to NUMBER, whatever the guard finds.

    Limits, countries and the cap on spending still apply. Of several rules for a number, the longest prefix decides.
    """
    found = read_prefix(prefix)
    if not yes and prefix_rules.is_wide(found):
        confirm(f"{found} covers several countries, and the guard will protect none of their numbers. Allow it?")
    _put(RuleAction.ALLOW, found, reason, _end(expires, lasts), wants_json)


@click.command("deny", short_help="Send no codes to numbers.")
@with_appcontext
@prefix_argument
@_reason
@_expires
@_lasts
@as_json
def deny(prefix: str, reason: str, expires: datetime | None, lasts: timedelta | None, wants_json: bool) -> None:
    """Send no code to numbers that begin with PREFIX, or to NUMBER: their requests get 422 destination_not_allowed.

    Of several rules for a number, the longest prefix decides.
    """
    _put(RuleAction.DENY, read_prefix(prefix), reason, _end(expires, lasts), wants_json)


@click.command("list")
@with_appcontext
@as_json
def list_rules(wants_json: bool) -> None:
    """List the rules of `allow` and `deny`."""
    found, now = prefix_rules.list_all(), clock.now()
    if wants_json:
        print_json([_shown(rule, now) for rule in found])
        return
    print_table(
        ("PREFIX", "ACTION", "STATE", "EXPIRES (UTC)", "AUTHOR", "CREATED (UTC)", "REASON"),
        [
            (rule.prefix, rule.action, _state(rule, now), rule.expires_at, rule.author, rule.created_at, rule.reason)
            for rule in found
        ],
        if_empty="No rules. Add one with: flask fraud deny PREFIX --reason TEXT",
    )


@click.command("remove")
@with_appcontext
@prefix_argument
@as_json
def remove(prefix: str, wants_json: bool) -> None:
    """Remove the rule for exactly this PREFIX or NUMBER. The guard decides about its numbers again."""
    rule = prefix_rules.remove(read_prefix(prefix), author=operator_name())
    if wants_json:
        print_json(_shown(rule, clock.now()))
        return
    click.echo(f"Removed: {rule.action} {rule.prefix} ({rule.reason}).")


def _put(action: RuleAction, prefix: str, reason: str, expires_at: datetime | None, wants_json: bool) -> None:
    rule = prefix_rules.put(action, prefix, reason=reason, author=operator_name(), expires_at=expires_at)
    shown = _shown(rule, clock.now())
    if wants_json:
        print_json(shown)
    else:
        print_fields(shown)


def _end(expires: datetime | None, lasts: timedelta | None) -> datetime | None:
    if expires is not None and lasts is not None:
        raise click.UsageError("Say --expires or --for, not both.")
    return expires if lasts is None else clock.now() + lasts


def read_prefix(prefix: str) -> str:
    """Return the prefix or number that an operator wrote. Raises RuleFault."""
    return prefix_rules.read_prefix(prefix, default_region=settings().codes.phone_default_region)


def _shown(rule: Rule, now: datetime) -> dict[str, Any]:
    return {**named(rule), "state": _state(rule, now)}


def _state(rule: Rule, now: datetime) -> str:
    return "in force" if rule.is_in_force(now) else "expired"
