"""All factors, in the order in which they are offered. Adding one is a line here; deleting one is deleting its line."""

from datetime import datetime
from typing import Any

from otp_service.core.services import settings
from otp_service.factors import trusted_devices
from otp_service.factors.backup_codes.factor import BACKUP_CODES
from otp_service.factors.contract import Ask, CodeMaker, Factor, Proof
from otp_service.factors.errors import MethodNotEnrolled
from otp_service.factors.phone.factor import PHONE
from otp_service.factors.totp.factor import TOTP
from otp_service.factors.webauthn.factor import WEBAUTHN

FACTORS: tuple[Factor, ...] = (
    PHONE,
    TOTP,
    WEBAUTHN,
    BACKUP_CODES,
)
WORDS = tuple(word for factor in FACTORS for word in factor.words)
"""Every method that somebody may have."""


def methods(user_id: int) -> tuple[str, ...]:
    """Every method that the user can prove now.

    With MFA_BEYOND_PHONE the phone is none of them any more for whoever has set another factor up.
    """
    if settings().sign_in.beyond_phone and chosen(user_id):
        return beside_the_phone(user_id)
    return _methods_of(FACTORS, user_id)


def level_of(factor: Factor) -> str:
    """What the password and a proof of this factor are worth: `aal2`, or `aal1` while the phone is not enough."""
    return "aal1" if settings().sign_in.beyond_phone and factor.kind == PHONE.kind else "aal2"


def best_level(provable: tuple[str, ...]) -> str:
    """The highest level that some of these methods reach; the password's for none.

    Backup codes run out: beside another method they raise nothing, or they would shut people out one day.
    """
    factors = [of_word(method) for method in provable]
    lasting = [factor for factor in factors if not factor.is_backup]
    return max(map(level_of, lasting or factors), default="aal1")


def chosen(user_id: int) -> tuple[str, ...]:
    """The methods beside the phone that the user enrolled as a second step; what is for emergencies is no such step."""
    return _methods_of([factor for factor in _beside_the_phone() if not factor.is_backup], user_id)


def beside_the_phone(user_id: int) -> tuple[str, ...]:
    """The methods that do not go over the phone."""
    return _methods_of(_beside_the_phone(), user_id)


def of_word(word: str) -> Factor:
    """The factor that a method's word names. Raises MethodNotEnrolled for a word that is none."""
    for factor in FACTORS:
        if word in factor.words:
            return factor
    raise MethodNotEnrolled


def of_user(user_id: int, word: str) -> Factor:
    """The same, if the user can prove it. Raises MethodNotEnrolled."""
    if word not in methods(user_id):
        raise MethodNotEnrolled
    return of_word(word)


def require_phone(user_id: int) -> None:
    """Raise MethodNotEnrolled where a code on the phone would not be taken: before one is sent, and paid for."""
    if PHONE.methods(user_id) and not set(PHONE.words) & set(methods(user_id)):
        raise MethodNotEnrolled


def prove(ask: Ask, *, method: str, answer: dict[str, Any]) -> Proof:
    """Check an answer by one of the user's methods. Raises MethodNotEnrolled and what Factor.prove raises."""
    return of_user(ask.user_id, method).prove(ask, answer)


def find_code_maker() -> CodeMaker | None:
    """The factor that gives out backup codes, where there is one."""
    return next((factor for factor in FACTORS if isinstance(factor, CodeMaker)), None)


def describe(user_id: int) -> list[dict[str, Any]]:
    """All that the user has enrolled."""
    return [described for factor in FACTORS for described in factor.describe(user_id)]


def remove_all(user_id: int, *, now: datetime) -> dict[str, int]:
    """Remove all the user's factors but the phone, in the open transaction; how many of each kind.

    Devices that were trusted beside them are no more, as with the removal of one (see `changes`).
    """
    trusted_devices.end_all(user_id, now=now)
    return {factor.kind: factor.remove_all(user_id) for factor in _beside_the_phone()}


def _beside_the_phone() -> list[Factor]:
    return [factor for factor in FACTORS if factor.kind != PHONE.kind]


def _methods_of(factors: list[Factor] | tuple[Factor, ...], user_id: int) -> tuple[str, ...]:
    return tuple(method for factor in factors for method in factor.methods(user_id))
