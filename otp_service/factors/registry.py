"""All factors, in the order in which they are offered. Adding one is a line here; deleting one is deleting its line."""

from datetime import datetime
from typing import Any

from otp_service.factors.contract import Ask, Factor, Proof
from otp_service.factors.errors import MethodNotEnrolled
from otp_service.factors.otp.factor import PHONE

FACTORS: tuple[Factor, ...] = (PHONE,)


def methods(user_id: int) -> tuple[str, ...]:
    """Every method that the user can prove now."""
    return tuple(method for factor in FACTORS for method in factor.methods(user_id))


def beside_the_phone(user_id: int) -> tuple[str, ...]:
    """The methods that do not go over the phone."""
    return tuple(method for factor in FACTORS if factor is not PHONE for method in factor.methods(user_id))


def chosen(user_id: int) -> tuple[str, ...]:
    """The methods beside the phone that the user enrolled as a second step; what is for emergencies is no such step."""
    others = (factor for factor in FACTORS if factor is not PHONE and not factor.is_backup)
    return tuple(method for factor in others for method in factor.methods(user_id))


def get_by_method(user_id: int, method: str) -> Factor:
    """The factor behind a method of the user's. Raises MethodNotEnrolled."""
    for factor in FACTORS:
        if method in factor.methods(user_id):
            return factor
    raise MethodNotEnrolled


def prove(ask: Ask, *, method: str, answer: dict[str, Any]) -> Proof:
    """Check an answer by one of the user's methods. Raises MethodNotEnrolled and what Factor.prove raises."""
    return get_by_method(ask.user_id, method).prove(ask, answer)


def describe(user_id: int) -> list[dict[str, Any]]:
    """All that the user has enrolled."""
    return [described for factor in FACTORS for described in factor.describe(user_id)]


def remove_all(user_id: int, *, now: datetime) -> dict[str, int]:
    """Remove all the user's factors but the phone, in the open transaction; how many of each kind."""
    return {factor.kind: factor.remove_all(user_id, now=now) for factor in FACTORS if factor is not PHONE}
