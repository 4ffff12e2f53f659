"""`flask stats`: how many codes were sent and verified, and what they cost, day by day."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import click
from flask.cli import with_appcontext

from otp_service.core import clock
from otp_service.operators.output import as_json, print_json, print_table
from otp_service.verifications import overview
from otp_service.verifications.states import State

_NEVER_SENT = (State.RESERVED, State.UNDELIVERED)


@click.command("stats")
@click.option("--days", type=click.IntRange(1, 400), default=7, show_default=True, help="Days, today included.")
@as_json
@with_appcontext
def stats(days: int, wants_json: bool) -> None:
    """Show for each day (UTC) how many codes were sent, verified and undelivered, and what the provider billed.

    The provider names most prices minutes later, and some never: "without price" counts what is still missing.
    """
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    found = [_of_day(today - timedelta(days=ago)) for ago in range(days)]
    if wants_json:
        print_json(found)
        return
    print_table(
        ("DAY (UTC)", "SENT", "VERIFIED", "CONVERSION", "UNDELIVERED", "COST", "WITHOUT PRICE"),
        [
            (
                day["day"],
                day["sent"],
                day["verified"],
                f"{day['verified'] / day['sent']:.0%}" if day["sent"] else None,
                day["undelivered"],
                ", ".join(f"{amount} {currency}" for currency, amount in day["cost"].items()) or None,
                day["withoutPrice"],
            )
            for day in found
        ],
    )


def _of_day(starts: datetime) -> dict[str, Any]:
    totals = overview.totals(since=starts, until=starts + timedelta(days=1))
    sent = [total for total in totals if total.state not in _NEVER_SENT]
    cost: dict[str, Decimal] = {}
    for total in totals:
        if total.currency is not None and total.cost is not None:
            cost[total.currency] = cost.get(total.currency, Decimal(0)) + total.cost
    return {
        "day": f"{starts:%Y-%m-%d}",
        "sent": sum(total.count for total in sent),
        "verified": sum(total.count for total in sent if total.state == State.VERIFIED),
        "undelivered": sum(total.count for total in totals if total.state == State.UNDELIVERED),
        "cost": {currency: str(amount) for currency, amount in sorted(cost.items())},
        "withoutPrice": sum(total.count for total in sent if total.currency is None),
    }
