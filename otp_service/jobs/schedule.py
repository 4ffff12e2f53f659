"""The jobs: what runs, how often, and which function does it."""

from collections.abc import Callable
from dataclasses import dataclass

from otp_service import insights, outbox
from otp_service.accounts import users
from otp_service.audit import bases, heads
from otp_service.auth import unfinished
from otp_service.backends.verifications import records as app_verifications
from otp_service.core import background, clock
from otp_service.factors import registry
from otp_service.fraud import blocks, folding
from otp_service.fraud import records as fraud_nodes
from otp_service.hooks import Dispatcher, Numbers
from otp_service.jobs import retention
from otp_service.verifications import records, sweeping

BATCH = 20
"""Messages in one run: a worker that is asked to stop finishes its run."""


@dataclass(frozen=True, slots=True)
class Job:
    """`act` runs in an application context, every `every_seconds`, and again at once if it returns True.

    It must be safe to kill at any point: the database holds the truth. One worker at a time runs it. A shared job runs
    in every worker, because it claims each unit of its work by itself. `finish` is called when the worker stops.
    """

    name: str
    every_seconds: int
    act: Callable[[], object]
    is_shared: bool = False
    finish: Callable[[], object] | None = None


def _deliver() -> bool:
    """Send a batch; True if there may be more."""
    return outbox.deliver(limit=BATCH).count == BATCH


def _sweep() -> None:
    """Settle abandoned codes, and remove factors whose removal has waited long enough."""
    sweeping.sweep()
    registry.carry_out_removals()


def _publish_heads() -> None:
    """Write the signed heads of the audit trail to the log (ADR 48)."""
    bases.note_if_all_are_chained()
    heads.log_signed(at=clock.now())


NUMBERS = Numbers(
    of_user=users.find_phone_number,
    of_verification=records.find_phone_number,
    of_apps_verification=app_verifications.find_phone_number,
)
_DISPATCHER = Dispatcher(NUMBERS)

TASKS = Job("tasks", 5, background.carry_out_due, is_shared=True)
DELIVER = Job("deliver", 1, _deliver, is_shared=True)
EVENTS = Job("events", 1, _DISPATCHER.run, is_shared=True, finish=_DISPATCHER.finish)
FRAUD = Job("fraud", 1, folding.run, is_shared=True)
BLOCKS = Job("fraud blocks", 15, lambda: blocks.end_over(clock.now()))
NODES = Job("fraud nodes", 600, lambda: fraud_nodes.forget_faded(clock.now()))
SWEEP = Job("sweep", 60, _sweep)
INSIGHTS = Job("insights", 20, insights.fold)
UNFINISHED = Job("unfinished sign-ins", 300, unfinished.notify_of_all)
AUDIT_HEADS = Job("audit heads", 3_600, _publish_heads)
RETENTION = Job("retention", 86_400, retention.run)
JOBS = (TASKS, DELIVER, EVENTS, FRAUD, BLOCKS, NODES, SWEEP, INSIGHTS, UNFINISHED, AUDIT_HEADS, RETENTION)
