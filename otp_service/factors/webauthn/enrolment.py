"""What a signed-in person does with their passkeys: enrol one, name it, remove it."""

import uuid
from datetime import datetime
from typing import Any

from otp_service import audit
from otp_service.accounts import users
from otp_service.accounts.users import Account
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import changes, registry
from otp_service.factors.webauthn import ceremonies, challenges, credentials, handles
from otp_service.factors.webauthn.answers import Attestation, Enrolled
from otp_service.factors.webauthn.assertions import KIND
from otp_service.factors.webauthn.challenges import Errand
from otp_service.factors.webauthn.credentials import Passkey
from otp_service.factors.webauthn.errors import PasskeyInvalid, Refused, TooManyPasskeys
from otp_service.sessions import Caller
from otp_service.verifications.states import Purpose

LIMIT = 10
"""Passkeys of one account."""


def offer(caller: Caller) -> Any:
    """Options for a new passkey, which this session alone can enrol. Raises PasskeysOff, InvalidToken."""
    ceremonies.rp_id()
    account = users.get_bearer(caller.user_id)
    return ceremonies.creation_options(
        handle=handles.of_user(account.id),
        name=account.email,
        label=account.display_name or account.email,
        challenge=challenges.issue(_errand(caller), now=clock.now()),
        known=[passkey.known for passkey in credentials.of_user(account.id)],
    )


def enrol(caller: Caller, attestation: Attestation, *, name: str, client: ClientInfo) -> dict[str, Any]:
    """Take a new passkey, and describe it; with backup codes when the user has none yet.

    Raises PasskeyInvalid, PasskeyTaken, TooManyPasskeys, PasskeysOff, SlotsBusy, InvalidToken.
    """
    ceremonies.rp_id()
    now = clock.now()
    try:
        challenge = ceremonies.signed_challenge(attestation.client_data)
        challenge_id = challenges.find_open(challenge, _errand(caller), now=now)
        enrolled = ceremonies.verify_attestation(attestation, challenge=challenge)
    except Refused as refused:
        with transaction():
            facts = {"factor": KIND, "reason": refused.reason}
            audit.record("factor.enrolment_refused", user_id=caller.user_id, client=client, at=now, **facts)
        raise PasskeyInvalid from refused
    maker = registry.find_code_maker()
    spare = maker.make_first(caller.user_id) if maker else None  # before the transaction: hashing them takes long
    with transaction():
        account = users.hold_bearer(caller.user_id)  # so that the limit holds
        challenges.spend(challenge_id, now=now)
        passkey = _add(account, enrolled, name, attestation.transports, now)
        changes.record_added(account.id, KIND, client=client, now=now, **_which(passkey))
        is_first = spare is not None and spare.store_first(client=client, now=now)
    return {**passkey.described(), **({"backup_codes": spare.codes} if spare is not None and is_first else {})}


def rename(id: uuid.UUID, *, user_id: int, name: str, client: ClientInfo) -> dict[str, Any]:
    """Name a passkey anew. Raises PasskeyNotFound, for another's too."""
    now = clock.now()
    with transaction():
        credentials.rename(id, user_id=user_id, name=name)
        audit.record("factor.renamed", user_id=user_id, client=client, at=now, factor=KIND, passkeyId=str(id))
        return credentials.get(id, user_id=user_id).described()


def remove(id: uuid.UUID, *, caller: Caller, client: ClientInfo) -> None:
    """Remove a passkey, and the other sessions and the trust in devices that may rest on it.

    Raises PasskeyNotFound, for another's too.
    """
    now, user_id = clock.now(), caller.user_id
    with transaction():
        users.hold_bearer(user_id)
        passkey = credentials.get(id, user_id=user_id)
        credentials.remove(id, user_id=user_id)
        changes.record_removed(caller, KIND, client=client, now=now, **_which(passkey))


def _errand(caller: Caller) -> Errand:
    return Errand(Purpose.ENROLMENT, caller.user_id, caller.session_id)


def _add(account: Account, enrolled: Enrolled, name: str, transports: tuple[str, ...], now: datetime) -> Passkey:
    if credentials.count(account.id) >= LIMIT:
        raise TooManyPasskeys
    return credentials.add(account.id, enrolled, name=name, transports=transports, now=now)


def _which(passkey: Passkey) -> dict[str, str]:
    """For the notice and the event."""
    return {"label": passkey.name, "passkeyId": str(passkey.id)}
