"""The method that a sign-in of a user asks for first."""

from typing import Any

from otp_service import audit
from otp_service.core import clock
from otp_service.core.database.rows import rows_about
from otp_service.core.database.transactions import execute, transaction, upsert
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import registry
from otp_service.factors.errors import MethodIsForEmergencies
from otp_service.factors.models import FactorDefault
from otp_service.factors.registry import Enrolled
from otp_service.factors.strength import is_reached
from otp_service.sessions import Caller, step_up_by
from otp_service.verifications.settings import DeliverySettings


def of_user(enrolled: Enrolled, *, among: tuple[str, ...] | None = None) -> str | None:
    """Return the user's own choice among the methods, else the configured channel, else the first.

    A method for emergencies is never the default. `among` narrows the methods.
    """
    methods = enrolled.methods if among is None else among
    possible = [method for method in methods if not registry.get(method).is_backup]
    wished = (enrolled.chosen, settings().of(DeliverySettings).channel, *possible)
    return next((method for method in wished if method in possible), None)


def choose(caller: Caller, method: str, *, client: ClientInfo) -> None:
    """Make `method` the default. Raises MethodIsForEmergencies, MethodNotEnrolled.

    A weaker method than the present default needs a sign-in as strong as that one, else StepUpRequired (ADR 35).
    """
    user_id = caller.user_id
    # First: whether the user has such codes or not, setting them up would not help.
    if registry.get(method).is_backup:
        raise MethodIsForEmergencies
    wanted = registry.get_enrolled(user_id, method)
    enrolled = registry.look_up(user_id)
    present = of_user(enrolled)
    needed = registry.get(present).strength if present else wanted.strength
    if wanted.strength < needed and not is_reached(caller, needed):
        raise step_up_by(registry.as_strong_as(needed, enrolled.methods))
    # An upsert: of parallel choices the last one stands, and none fails.
    with transaction():
        statement = upsert(FactorDefault).values(user_id=user_id, method=method)
        execute(statement.on_conflict_do_update(index_elements=[FactorDefault.user_id], set_={"method": method}))
        audit.record("factor.default_chosen", user_id=user_id, client=client, at=clock.now(), method=method)


def personal_data(user_id: int) -> list[dict[str, Any]]:
    """Return the method that the user chose."""
    return rows_about(FactorDefault.user_id == user_id, FactorDefault.method)
