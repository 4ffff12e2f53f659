"""All factors, in the order in which they are offered. To add or delete one, add its folder and its entry here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from otp_service import audit
from otp_service.accounts import earned, users
from otp_service.accounts.errors import UserNotFound
from otp_service.accounts.users import Account
from otp_service.core import clock
from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import fetch_all, fetch_one, transaction
from otp_service.core.services import settings
from otp_service.factors import changes, removals, trusted_devices
from otp_service.factors.backup_codes import BACKUP_CODES
from otp_service.factors.contract import Factor, Proof, ProofRequest
from otp_service.factors.errors import MethodNotEnrolled
from otp_service.factors.models import FactorDefault
from otp_service.factors.phone import PHONE, number
from otp_service.factors.removals import Removal
from otp_service.factors.strength import Strength
from otp_service.factors.totp import TOTP
from otp_service.factors.webauthn import WEBAUTHN

FACTORS: tuple[Factor, ...] = (
    PHONE,
    TOTP,
    WEBAUTHN,
    BACKUP_CODES,
)
BATCH = 100
"""Removals that one look for due ones finds."""

METHOD_NAMES = tuple(name for factor in FACTORS for name in factor.method_names)
"""Every method that a user may have."""

# Handed down: a factor imports neither the registry nor another factor (ADR 20).
for _factor in FACTORS:
    if _factor.make_first_codes is not None:
        changes.make_first_codes_by(_factor.make_first_codes)
    if _factor.void_offers is not None:
        earned.voided_by(_factor.kind, _factor.void_offers)


def get(method: str) -> Factor:
    """Return the factor that a method's name stands for. Raises MethodNotEnrolled for an unknown name."""
    for factor in FACTORS:
        if method in factor.method_names:
            return factor
    raise MethodNotEnrolled


def get_enrolled(user_id: int, method: str) -> Factor:
    """Return the factor of a method that the user can use now. Raises MethodNotEnrolled."""
    if method not in methods(user_id):
        raise MethodNotEnrolled
    return get(method)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a user has enrolled: the names of each kind that can be used now, and the default that the user chose.

    `channels` reach the user's number, also if the user switched the phone off as a factor.
    """

    by_kind: Mapping[str, tuple[str, ...]]
    channels: tuple[str, ...]
    chosen: str | None

    @property
    def methods(self) -> tuple[str, ...]:
        """Every method. See `methods` of this module."""
        if settings().sign_in.beyond_phone and self.second_steps:
            return self.without_phone
        found = self._of(FACTORS)
        if any(not get(method).is_backup for method in found):
            return found
        # Never without a lasting method: a user whose other factors are gone could not sign in any more (ADR 35).
        return (*self.channels, *found)

    @property
    def without_phone(self) -> tuple[str, ...]:
        """The methods that do not use the phone."""
        return self._of(_without_phone())

    @property
    def second_steps(self) -> tuple[str, ...]:
        """The methods other than the phone that make a second step due; backup codes do not."""
        return self._of([factor for factor in _without_phone() if not factor.is_backup])

    @property
    def strongest(self) -> tuple[str, ...]:
        """The methods of the strongest factor; every method if there is only one factor besides the backup codes."""
        lasting = [method for method in self.methods if not get(method).is_backup]
        if len({get(method).kind for method in lasting}) <= 1:
            return self.methods
        return as_strong_as(strongest(self.methods), tuple(lasting))

    def _of(self, factors: Iterable[Factor]) -> tuple[str, ...]:
        return tuple(method for factor in factors for method in self.by_kind[factor.kind])


def look_up(user_id: int) -> Enrolled:
    """Return what a user has enrolled, read in one statement."""
    return _enrolled(fetch_all(*_enrolments(user_id, clock.now()))[0])


def look_up_account(user_id: int) -> tuple[Account, Enrolled]:
    """Return an account and what its user has enrolled, read in one statement. Raises UserNotFound."""
    row = fetch_one(*_with_enrolments(user_id, clock.now()))
    if row is None:
        raise UserNotFound
    return users.ACCOUNTS.value(row), _enrolled(row[len(users.ACCOUNTS.columns) :])


def _enrolled(values: Sequence[Any]) -> Enrolled:
    by_kind = {factor.kind: factor.methods_of(value) for factor, value in zip(FACTORS, values, strict=False)}
    return Enrolled(by_kind, PHONE.methods_of(values[-2]), values[-1])


@prepared
def _enrolments(user_id: Given, now: Given) -> Select[Any]:
    return select(*_columns(user_id, now))


@prepared
def _with_enrolments(user_id: Given, now: Given) -> Select[Any]:
    return users.ACCOUNTS.select().add_columns(*_columns(user_id, now)).where(user_id == users.ID)


def _columns(user_id: Given, now: Given) -> list[ColumnElement[Any]]:
    chosen = select(FactorDefault.method).where(FactorDefault.user_id == user_id).scalar_subquery()
    enrolments = [factor.enrolment(user_id, now).label(factor.kind) for factor in FACTORS]
    return [*enrolments, number(user_id).label("number"), chosen.label("chosen")]


def methods(user_id: int) -> tuple[str, ...]:
    """Return every method that the user can use now.

    With MFA_BEYOND_PHONE, or once the user switched the phone off, it is no method for a user who has another factor.
    """
    return look_up(user_id).methods


def methods_without_phone(user_id: int) -> tuple[str, ...]:
    """Return the user's methods that do not use the phone."""
    return look_up(user_id).without_phone


def second_steps(user_id: int) -> tuple[str, ...]:
    """Return the methods other than the phone that make a second step due; backup codes do not."""
    return look_up(user_id).second_steps


def require_phone(user_id: int) -> None:
    """Raise MethodNotEnrolled if a code on the phone would be rejected, before one is sent and paid for."""
    # Without a number the sender has the better error: PhoneNumberMissing.
    enrolled = look_up(user_id)
    if enrolled.channels and not set(PHONE.method_names) & set(enrolled.methods):
        raise MethodNotEnrolled


def level_of(factor: Factor, *, is_on_hold: bool = False) -> str:
    """Return the level (`acr`) of the password with this factor: `aal2`, or `aal1` if the phone is not enough.

    It is not with MFA_BEYOND_PHONE, and during a hold, since the password came from the phone then (ADR 32).
    """
    is_too_weak = factor.kind == PHONE.kind and (is_on_hold or settings().sign_in.beyond_phone)
    return "aal1" if is_too_weak else "aal2"


def best_level(provable: tuple[str, ...], *, is_on_hold: bool = False) -> str:
    """Return the highest level that these methods reach; without any, that of the password.

    Backup codes run out. With another method present they do not raise the level: otherwise a user whose codes are used
    up could no longer reach it.
    """
    factors = [get(method) for method in provable]
    lasting = [factor for factor in factors if not factor.is_backup]
    return max((level_of(factor, is_on_hold=is_on_hold) for factor in lasting or factors), default="aal1")


def strongest(provable: tuple[str, ...]) -> Strength:
    """Return the strength of the strongest of these methods. Backup codes do not raise it, as in `best_level`."""
    factors = [get(method) for method in provable]
    lasting = [factor for factor in factors if not factor.is_backup]
    return max((factor.strength for factor in lasting or factors), default=Strength.PASSWORD)


def as_strong_as(needed: Strength, provable: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the methods that are strong enough."""
    return tuple(method for method in provable if get(method).strength >= needed)


def authenticators_beyond_phone(user_id: int) -> int:
    """Return how many lasting authenticators the user has besides the phone: each passkey, but no backup codes."""
    return sum(len(factor.describe(user_id)) for factor in _without_phone() if not factor.is_backup)


def carry_out_removals() -> int:
    """Remove the factors whose removal has waited long enough; return how many.

    Safe to run in several workers at once, and late: these factors have stopped to work (see `removals.is_in_force`).
    """
    now, removed = clock.now(), 0
    while batch := removals.due(now, limit=BATCH):
        removed += sum(_carry_out(removal, now) for removal in batch)
    return removed


def _carry_out(removal: Removal, now: datetime) -> bool:
    factor = next(factor for factor in FACTORS if factor.kind == removal.kind)
    with transaction():
        users.keep(removal.user_id)  # the user before the rows of the user, as everywhere
        if not removals.forget(removal.authenticator_id):
            return False  # another worker was faster
        if not factor.remove_one(removal.user_id, removal.authenticator_id):
            return False  # removed in another way since
        changes.record_removed(removal.user_id, removal.kind, client=audit.SERVICE, now=now)
        return True


def verify(request: ProofRequest, *, method: str, response: dict[str, Any]) -> Proof:
    """Check a response by one of the user's methods. Raises MethodNotEnrolled and what Factor.verify raises."""
    return get_enrolled(request.user_id, method).verify(request, response)


def offer(factor: Factor, request: ProofRequest) -> dict[str, Any]:
    """Return what a client needs before it can respond; empty if the factor needs no options."""
    return factor.offer(request) if factor.offer is not None else {}


def describe(user_id: int) -> list[dict[str, Any]]:
    """Return all that the user has enrolled."""
    return [described for factor in FACTORS for described in factor.describe(user_id)]


def describe_without_phone(user_id: int) -> list[dict[str, Any]]:
    """Return what the user has enrolled besides the phone."""
    return [described for factor in _without_phone() for described in factor.describe(user_id)]


def has_lasting(user_id: int, *, before: datetime) -> bool:
    """Whether a factor besides the phone that makes a second step due was added before a time."""
    usable = look_up(user_id).by_kind
    strong = [factor for factor in _without_phone() if not factor.is_backup and usable[factor.kind]]
    return any(described["created_at"] <= before for factor in strong for described in factor.describe(user_id))


def remove_all(user_id: int, *, now: datetime) -> dict[str, int]:
    """Remove all the user's factors but the phone, in the open transaction. Return how many of each kind.

    Trust in devices ends, as it does when one factor is removed (see `changes`).
    """
    trusted_devices.end_all(user_id, now=now)
    return {factor.kind: factor.remove_all(user_id) for factor in _without_phone()}


def remove_added_since(user_id: int, since: datetime) -> dict[str, int]:
    """Remove the user's factors that were added after a time, in the open transaction. Return how many of each kind."""
    return {factor.kind: factor.remove_added_since(user_id, since) for factor in _without_phone()}


def _without_phone() -> list[Factor]:
    return [factor for factor in FACTORS if factor.kind != PHONE.kind]


# At the end: what it hands down is defined above.
changes.count_authenticators_by(authenticators_beyond_phone)
