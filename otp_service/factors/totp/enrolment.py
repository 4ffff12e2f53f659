"""Adds and removes an authenticator app: a secret is handed out, and counts once its first code was shown."""

from dataclasses import dataclass
from datetime import datetime

from otp_service.accounts import users
from otp_service.core import clock
from otp_service.core.crypto.hash_slots import SlotsBusy
from otp_service.core.database.transactions import transaction
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import changes, registry, throttle
from otp_service.factors.contract import NewCodes
from otp_service.factors.errors import FactorExists, FactorNotFound, OtpInvalid
from otp_service.factors.totp import codes, provisioning, records
from otp_service.factors.totp.factor import KIND, TOTP, record_refusal
from otp_service.factors.totp.records import Authenticator
from otp_service.mail.settings import MailSettings
from otp_service.sessions import Caller


@dataclass(frozen=True, slots=True)
class Begun:
    """What the app needs, in three forms. It is shown once."""

    secret: str
    uri: str
    qr_code: str


def begin(user_id: int) -> Begun:
    """Hand out a new secret; an earlier one that was not confirmed is void. Raises FactorExists, InvalidToken."""
    secret = codes.new_secret()
    with transaction():
        account = users.hold_bearer(user_id)
        if records.find(user_id):
            raise FactorExists
        records.begin(user_id, secret, now=clock.now())
    uri = provisioning.uri(secret, issuer=settings().of(MailSettings).service_name, label=account.email)
    return Begun(secret, uri, provisioning.qr_code(uri))


def confirm(user_id: int, *, code: str, client: ClientInfo) -> tuple[str, ...]:
    """Let the app count, as its code shows that it has the secret. The code is spent by it.

    Returns backup codes when the user has none yet. Raises FactorNotFound, FactorExists, OtpInvalid, TooManyAttempts,
    AuthenticatorDisabled, SlotsBusy (nothing is spent), InvalidToken.
    """
    now = clock.now()
    waiting = _waiting(user_id, now)
    throttle.take(user_id, KIND, client=client, now=now, is_in_a_row=False)  # who enrols knows the secret
    step = codes.matched_step(waiting.opened_secret(), code, now=now)
    if step is None:
        record_refusal(user_id, client=client, now=now)
        raise OtpInvalid
    spare = _spare_codes(user_id, now)
    with transaction():
        users.hold_bearer(user_id)
        if not records.confirm(waiting.id, step=step, now=now):
            raise FactorNotFound  # replaced or confirmed while the code was checked
        changes.record_added(user_id, KIND, client=client, now=now)
        return spare.codes if spare and spare.store_first(client=client, now=now) else ()


def remove(caller: Caller, *, client: ClientInfo) -> None:
    """Forget the app; every session ends but the caller's. Raises FactorNotFound, InvalidToken."""
    now, user_id = clock.now(), caller.user_id
    with transaction():
        users.hold_bearer(user_id)
        if not records.find(user_id):
            raise FactorNotFound
        TOTP.remove_all(user_id)
        changes.record_removed(caller, KIND, client=client, now=now)


def _waiting(user_id: int, now: datetime) -> Authenticator:
    waiting = records.find_unconfirmed(user_id, now=now)
    if waiting is None:
        raise FactorExists if records.find(user_id) else FactorNotFound
    return waiting


def _spare_codes(user_id: int, now: datetime) -> NewCodes | None:
    """Hashed before the transaction, since that takes long; None where there are some, or no such factor."""
    maker = registry.find_code_maker()
    try:
        return maker.make_first(user_id) if maker else None
    except SlotsBusy:
        with transaction():
            throttle.give_back(user_id, KIND, taken_at=now, is_in_a_row=False)
        raise
