"""Forgets what the guard knows: of all numbers, or of those with a prefix and of whatever else refuses them."""

from datetime import datetime

from otp_service import audit
from otp_service.audit import COMMAND_LINE
from otp_service.core import clock
from otp_service.core.database.transactions import transaction, wait_for_turn
from otp_service.fraud import blocks, folding, prefix_rules, records, sends
from otp_service.fraud.attempt import Attempt
from otp_service.fraud.guard import weigh
from otp_service.fraud.looking import look

DEAREST = 1.0
"""A price in EUR that no message exceeds: a node that refuses any message refuses one at this price."""


def reset_all(*, author: str) -> int:
    """Forget every node and end every block; return how many nodes there were."""
    now = clock.now()
    with transaction():
        wait_for_turn(folding.TURN)  # else a folder would write back what it has read
        count = records.remove_all()
        sends.skip("+")
        for block in blocks.list_all():
            blocks.end(block, None, because="reset", at=now)
        audit.record("fraud.reset", user_id=None, client=COMMAND_LINE, at=now, prefix=None, nodes=count, author=author)
    return count


def reset(prefix: str, *, author: str) -> list[str]:
    """Forget the nodes of numbers with a prefix, and the wider ones that refuse such numbers; return their keys.

    For a whole number, these are the nodes that refuse it.
    """
    now = clock.now()
    with transaction():
        wait_for_turn(folding.TURN)
        keys = sorted({*records.keys_below(prefix), *_refusing(prefix, now)})
        records.remove(keys)
        sends.skip(prefix)
        for block in blocks.list_all():
            if block.key in keys or _begins(block.key, prefix):
                blocks.end(block, None, because="reset", at=now)
        facts = {"prefix": prefix_rules.shown(prefix), "nodes": len(keys), "author": author}
        audit.record("fraud.reset", user_id=None, client=COMMAND_LINE, at=now, **facts)
    return keys


def _refusing(prefix: str, now: datetime) -> list[str]:
    """Return the keys that refuse a number with a prefix, from the narrowest on."""
    attempt = Attempt(now.timestamp(), prefix, "", "sms", DEAREST)
    view = look(prefix, attempt, now=now)
    places, weighed = weigh(attempt, view.nodes)
    return [key for _, key in places if key in weighed and weighed[key].is_refusing]


def _begins(key: str, prefix: str) -> bool:
    return key.partition(":")[2].startswith(prefix)
