"""Authenticator apps: enrol one, verify its codes, remove it. No other module reads or writes their table."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, exists, insert, or_, update

from otp_service import audit
from otp_service.accounts import earned, users
from otp_service.core import clock
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.batches import delete_in_batches
from otp_service.core.database.rows import Projection, rows_about
from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import execute, fetch_one, transaction
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import changes, removals, throttle
from otp_service.factors.contract import ProofRequest
from otp_service.factors.errors import FactorExists, FactorNotFound
from otp_service.factors.removals import Removal
from otp_service.factors.strength import Strength
from otp_service.factors.throttle import ResponseRejected
from otp_service.factors.totp import codes
from otp_service.factors.totp.models import TotpAuthenticator
from otp_service.sessions import Caller
from otp_service.verifications.errors import OtpInvalid

KIND = "totp"
METHOD_NAMES = (KIND,)
STRENGTH = Strength.CODE
ENROLMENT_TTL = timedelta(days=1)
"""How long an enrolment can be confirmed."""


@dataclass(frozen=True, slots=True)
class Authenticator:
    """An authenticator app; its secret is sealed."""

    id: uuid.UUID
    user_id: int
    secret: str
    created_at: datetime
    confirmed_at: datetime | None
    last_used_step: int | None
    last_used_at: datetime | None

    def matched_step(self, code: str, *, now: datetime) -> int | None:
        """Return the time step that a code belongs to. Raises core.crypto.secrets.Unreadable."""
        secret = keyring().open(self.secret, context=_context(self.id))
        return codes.matched_step(secret, code, now=now)

    def has_used(self, step: int) -> bool:
        """Return whether a code of this step, or of a later one, was accepted before."""
        return self.last_used_step is not None and step <= self.last_used_step


_AUTHENTICATORS = Projection(Authenticator, TotpAuthenticator)
_IS_CONFIRMED = TotpAuthenticator.confirmed_at.is_not(None)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What the app needs, in three forms. It is shown once."""

    secret: str
    uri: str
    qr_code: str


@dataclass(frozen=True, slots=True)
class TotpProof:
    """A right code: the authenticator, and the time step that the code belongs to."""

    authenticator_id: uuid.UUID
    user_id: int
    step: int

    @property
    def amr(self) -> tuple[str, ...]:
        """A one-time password (RFC 8176)."""
        return ("otp",)

    def redeem(self, *, client: ClientInfo, now: datetime) -> dict[str, Any]:
        """Spend the code. Raises OtpInvalid if another request has used it, or a later one, meanwhile."""
        used = TotpAuthenticator.last_used_step
        with transaction():
            # A code counts once (RFC 6238, section 5.2). The step only rises, and one conditional update raises it, so
            # of parallel uses of a code exactly one wins (ADR 3).
            is_newer = _IS_CONFIRMED & or_(used.is_(None), used < self.step)
            is_newer &= ~removals.is_in_force(TotpAuthenticator.id, now)
            if not _update(self.authenticator_id, is_newer, last_used_step=self.step, last_used_at=now):
                raise OtpInvalid
            throttle.clear(self.user_id, KIND)
            return audit.carry("factor.used", user_id=self.user_id, client=client, factor=KIND)


def begin(user_id: int) -> Enrolment:
    """Issue a new secret; an earlier unconfirmed one becomes invalid. Raises FactorExists, InvalidToken."""
    secret, id, now = codes.new_secret(), uuid.uuid4(), clock.now()
    with transaction():
        account = users.hold_bearer(user_id)
        if find(user_id):
            raise FactorExists
        # Also an app whose removal waited and whose time has come, where the worker is late.
        execute(delete(TotpAuthenticator).where(TotpAuthenticator.user_id == user_id))
        sealed = keyring().seal(secret, context=_context(id))
        execute(insert(TotpAuthenticator).values(id=id, user_id=user_id, secret=sealed, created_at=now))
    uri = codes.key_uri(secret, issuer=settings().server.service_name, account=account.label)
    return Enrolment(secret, uri, codes.qr_code(uri))


def confirm(caller: Caller, *, code: str, client: ClientInfo) -> dict[str, Any]:
    """Add the app by its first code, which is spent.

    Return a new access token of the session, and backup codes if the user has none yet.

    Raises FactorNotFound, FactorExists, OtpInvalid, TooManyAttempts, AuthenticatorDisabled, SlotsBusy (no try is
    counted), InvalidToken.
    """
    now, user_id = clock.now(), caller.user_id
    waiting = _get_unconfirmed(user_id, now)
    # Not in a row: the person who enrols has just seen the secret, so wrong codes are typing errors and no guesses.
    with throttle.attempt(user_id, KIND, client=client, now=now, is_in_a_row=False):
        step = waiting.matched_step(code, now=now)
        if step is None:
            raise ResponseRejected
        first_codes = changes.make_first_codes(user_id)
    with transaction():
        users.hold_bearer(user_id)
        # Conditional: another request may have confirmed or replaced this enrolment while the code was checked.
        if not _update(waiting.id, ~_IS_CONFIRMED, confirmed_at=now, last_used_step=step):
            raise FactorNotFound
        added = changes.record_added(user_id, KIND, client=client, now=now, first_codes=first_codes)
        return added.shown_to(caller)


def verify(request: ProofRequest, response: dict[str, Any]) -> TotpProof:
    """Find the time step of a code. Raises OtpInvalid, TooManyAttempts, AuthenticatorDisabled."""
    now = clock.now()
    with throttle.attempt(request.user_id, KIND, client=request.client, now=now):
        held = find(request.user_id)
        if held is None:
            raise ResponseRejected(is_guess=False)
        step = held.matched_step(response["code"], now=now)
        if step is None or held.has_used(step):
            # A used code was right once: a double click must not use up the tries.
            raise ResponseRejected(is_guess=step is None)
    return TotpProof(held.id, request.user_id, step)


def enrolment(user_id: Given, now: Given) -> ColumnElement[Any]:
    """Return whether an app is confirmed and the time of its removal has not come, for a statement."""
    is_confirmed = (TotpAuthenticator.user_id == user_id) & _IS_CONFIRMED
    return exists().where(is_confirmed, ~removals.is_in_force(TotpAuthenticator.id, now))


def methods_of(is_confirmed: bool) -> tuple[str, ...]:
    """Return the one name, if an app is confirmed."""
    return METHOD_NAMES if is_confirmed else ()


def describe(user_id: int) -> list[dict[str, Any]]:
    """Return the app, if it is confirmed."""
    held = find(user_id)
    if held is None:
        return []
    waiting = removals.described(removals.of_user(user_id).get(held.id))
    return [{"type": KIND, "created_at": held.confirmed_at, "last_used_at": held.last_used_at, **waiting}]


def remove(caller: Caller, *, client: ClientInfo) -> Removal | None:
    """Remove the app and end all sessions but the caller's; None then.

    A caller who signed in with a weaker factor has it removed later: return that removal. Raises FactorNotFound,
    InvalidToken.
    """
    now, user_id = clock.now(), caller.user_id
    with transaction():
        users.hold_bearer(user_id)
        held = find(user_id)
        if held is None:
            raise FactorNotFound
        if not changes.removes_at_once(caller, STRENGTH):
            return removals.schedule(user_id, KIND, held.id, client=client, now=now)
        removals.forget(held.id)
        remove_all(user_id)
        changes.record_removed(user_id, KIND, client=client, now=now, keep=caller.session_id)
        return None


def remove_one(user_id: int, authenticator_id: uuid.UUID) -> int:
    """Delete the app whose removal waited, and the tries, in the open transaction. Return how many apps."""
    is_it = (TotpAuthenticator.user_id == user_id) & (TotpAuthenticator.id == authenticator_id)
    throttle.clear(user_id, KIND)
    return int(execute(delete(TotpAuthenticator).where(is_it)).rowcount)


def remove_all(user_id: int) -> int:
    """Delete the app, an unconfirmed enrolment and the tries, in the open transaction. Return how many apps."""
    throttle.clear(user_id, KIND)
    return _delete(TotpAuthenticator.user_id == user_id)


def remove_added_since(user_id: int, since: datetime) -> int:
    """Delete the app if it was confirmed after a time, in the open transaction. Return how many apps."""
    return _delete((TotpAuthenticator.user_id == user_id) & (TotpAuthenticator.confirmed_at > since))


def _delete(condition: ColumnElement[bool]) -> int:
    statement = delete(TotpAuthenticator).where(condition)
    return sum(row.confirmed_at is not None for row in execute(statement.returning(TotpAuthenticator.confirmed_at)))


def void_enrolment(user_id: int | None) -> None:
    """Delete unconfirmed enrolments, in the open transaction: an intruder may have seen the secret."""
    execute(delete(TotpAuthenticator).where(earned.is_user(TotpAuthenticator.user_id, user_id), ~_IS_CONFIRMED))


def forget(before: datetime) -> int:
    """Delete enrolments that began before a time and were never confirmed. Return how many."""
    return delete_in_batches(TotpAuthenticator, ~_IS_CONFIRMED, TotpAuthenticator.created_at < before)


def personal_data(user_id: int) -> list[dict[str, Any]]:
    """Return the app, confirmed or not, without its secret."""
    columns = (TotpAuthenticator.created_at, TotpAuthenticator.confirmed_at, TotpAuthenticator.last_used_at)
    return rows_about(TotpAuthenticator.user_id == user_id, *columns)


def find(user_id: int) -> Authenticator | None:
    """Return the user's confirmed authenticator, unless the time of its removal has come."""
    return _AUTHENTICATORS.find(fetch_one(*_confirmed(user_id, clock.now())))


@prepared
def _confirmed(user_id: Given, now: Given) -> Select[Any]:
    is_theirs = (TotpAuthenticator.user_id == user_id) & _IS_CONFIRMED
    return _AUTHENTICATORS.select().where(is_theirs, ~removals.is_in_force(TotpAuthenticator.id, now))


def _get_unconfirmed(user_id: int, now: datetime) -> Authenticator:
    """Return the user's enrolment while it can be confirmed. Raises FactorExists, FactorNotFound."""
    is_open = ~_IS_CONFIRMED & (TotpAuthenticator.created_at > now - ENROLMENT_TTL)
    row = fetch_one(_AUTHENTICATORS.select().where(TotpAuthenticator.user_id == user_id, is_open))
    if row is None:
        raise FactorExists if find(user_id) else FactorNotFound
    return _AUTHENTICATORS.value(row)


def _update(authenticator_id: uuid.UUID, condition: ColumnElement[bool], **values: Any) -> bool:
    """Update the row if the condition holds, in the open transaction. Return whether it did."""
    statement = update(TotpAuthenticator).where(TotpAuthenticator.id == authenticator_id, condition)
    return bool(execute(statement.values(**values)).rowcount == 1)


def _context(authenticator_id: uuid.UUID) -> str:
    return f"totp_authenticators.secret:{authenticator_id}"
