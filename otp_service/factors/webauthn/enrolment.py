"""How signed-in people manage their passkeys: enrol one, rename it, remove it."""

import uuid
from datetime import datetime
from typing import Any

from otp_service import audit
from otp_service.accounts import users
from otp_service.accounts.users import Account
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import changes, removals
from otp_service.factors.removals import Removal
from otp_service.factors.strength import Strength
from otp_service.factors.webauthn import ceremonies, challenges, credentials
from otp_service.factors.webauthn.ceremonies import Attestation, VerifiedAttestation
from otp_service.factors.webauthn.challenges import Scope
from otp_service.factors.webauthn.credentials import KIND, Passkey
from otp_service.factors.webauthn.errors import PasskeyRejected, TooManyPasskeys
from otp_service.sessions import Caller
from otp_service.verifications.states import Purpose

STRENGTH = Strength.KEY
LIMIT = 10
"""Passkeys of one account at most."""


def offer(caller: Caller) -> Any:
    """Return options for a new passkey, which only this session can enrol. Raises PasskeysOff, InvalidToken."""
    ceremonies.get_rp_id()
    account = users.get_bearer(caller.user_id)
    return ceremonies.creation_options(
        handle=credentials.get_handle(account.id),
        name=account.label,
        label=account.display_name or account.label,
        challenge=challenges.issue(_scope(caller), now=clock.now()),
        known=[passkey.known for passkey in credentials.of_user(account.id)],
    )


def enrol(caller: Caller, attestation: Attestation, *, name: str, client: ClientInfo) -> dict[str, Any]:
    """Add a new passkey and describe it, with a new access token, and backup codes if the user has none yet.

    Raises PasskeyInvalid, PasskeyTaken, TooManyPasskeys, PasskeysOff, SlotsBusy, InvalidToken.
    """
    ceremonies.get_rp_id()
    now = clock.now()
    try:
        said = ceremonies.read_client_data(attestation.client_data)
        challenges.take(said.challenge, _scope(caller), now=now)
        said.reject_framed()
        verified = ceremonies.verify_attestation(attestation, challenge=said.challenge)
    except PasskeyRejected as rejected:
        with transaction():
            facts = {"factor": KIND, **rejected.facts}
            audit.record("factor.enrolment_refused", user_id=caller.user_id, client=client, at=now, **facts)
        raise rejected.error from rejected
    first_codes = changes.make_first_codes(caller.user_id)  # before the transaction: hashing takes long
    with transaction():
        account = users.hold_bearer(caller.user_id)  # parallel enrolments wait here, so that the limit holds
        passkey = _add(account, verified, name, attestation.transports, now)
        facts = _facts_of(passkey)
        added = changes.record_added(account.id, KIND, client=client, now=now, first_codes=first_codes, **facts)
        return {**passkey.described(), **added.shown_to(caller)}


def rename(id: uuid.UUID, *, user_id: int, name: str, client: ClientInfo) -> dict[str, Any]:
    """Rename a passkey. Raises PasskeyNotFound, also for another user's."""
    now = clock.now()
    with transaction():
        credentials.rename(id, user_id=user_id, name=name)
        audit.record("factor.renamed", user_id=user_id, client=client, at=now, factor=KIND, passkeyId=str(id))
        return credentials.get(id, user_id=user_id).described()


def remove(id: uuid.UUID, *, caller: Caller, client: ClientInfo) -> Removal | None:
    """Remove a passkey; the other sessions and the trust in devices end. Return None then.

    A caller who signed in with a weaker factor has it removed later: return that removal. Raises PasskeyNotFound.
    """
    now, user_id = clock.now(), caller.user_id
    with transaction():
        users.hold_bearer(user_id)
        passkey = credentials.get(id, user_id=user_id)
        if not changes.removes_at_once(caller, STRENGTH):
            return removals.schedule(user_id, KIND, id, client=client, now=now)
        credentials.remove(id, user_id=user_id)
        keep, facts = caller.session_id, _facts_of(passkey)
        changes.record_removed(user_id, KIND, client=client, now=now, keep=keep, **facts)
        return None


def _scope(caller: Caller) -> Scope:
    return Scope(Purpose.ENROLMENT, caller.user_id, caller.session_id)


def _add(
    account: Account, verified: VerifiedAttestation, name: str, transports: tuple[str, ...], now: datetime
) -> Passkey:
    if credentials.count(account.id) >= LIMIT:
        raise TooManyPasskeys
    return credentials.add(account.id, verified, name=name, transports=transports, now=now)


def _facts_of(passkey: Passkey) -> dict[str, str]:
    """The name for the notice and the id for the event."""
    return {"label": passkey.name, "passkeyId": str(passkey.id)}
