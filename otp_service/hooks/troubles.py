"""What keeps hooks from their events, in words for an operator."""

import time
from datetime import datetime, timedelta

from otp_service.core import clock
from otp_service.hooks import administration, probing, records
from otp_service.hooks.administration import BY_OPERATOR, HookRecord
from otp_service.hooks.records import Backlog
from otp_service.hooks.transport import CONNECT_SECONDS

LONG = timedelta(minutes=10)
"""How long an event may wait before it counts: a receiver that restarts is no trouble."""


def find() -> list[str]:
    """Name each hook that lost events, whose events wait for long, that a receiver had disabled, or that may get none.

    Resolves the names of enabled hooks, all within five seconds.
    """
    backlogs, now, ends_at = records.backlogs(), clock.now(), time.monotonic() + CONNECT_SECONDS
    described = [(hook, _described(hook, backlogs.get(hook.id), now, ends_at)) for hook in administration.list_all()]
    return [f"{hook.host} ({hook.id}): {words}" for hook, words in described if words]


def _described(hook: HookRecord, backlog: Backlog | None, now: datetime, ends_at: float) -> str:
    words = []
    if backlog is not None and backlog.dead:
        words.append(f"{backlog.dead} given up")
    if backlog is not None and backlog.oldest_at is not None and backlog.oldest_at < now - LONG:
        words.append(f"{backlog.pending} waiting since {backlog.oldest_at:%Y-%m-%d %H:%M} UTC")
    if hook.disabled_because is not None and hook.disabled_because != BY_OPERATOR:
        words.append(f"disabled: {hook.disabled_because}")
    if hook.disabled_at is None and (refusal := probing.find_refusal(hook.host, ends_at=ends_at)) is not None:
        words.append(refusal)
    return ", ".join(words)
