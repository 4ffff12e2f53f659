"""Verifies passkeys and security keys: for a second step, a step-up or a recovery, and for a sign-in by them alone."""

import hmac
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement

from otp_service import audit
from otp_service.core import allowances, clock
from otp_service.core.addresses import site_of
from otp_service.core.allowances import HOUR, Allowance
from otp_service.core.crypto.secrets import keyring
from otp_service.core.database.statements import Given
from otp_service.core.database.transactions import transaction
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import removals, throttle
from otp_service.factors.contract import ProofRequest
from otp_service.factors.errors import MethodNotEnrolled
from otp_service.factors.webauthn import ceremonies, challenges, credentials
from otp_service.factors.webauthn.ceremonies import Assertion, VerifiedAssertion
from otp_service.factors.webauthn.challenges import Scope
from otp_service.factors.webauthn.credentials import KIND, Passkey
from otp_service.factors.webauthn.errors import CloneSuspected, PasskeyInvalid, PasskeyRejected
from otp_service.factors.webauthn.settings import WebAuthnSettings
from otp_service.verifications.errors import TooManyAttempts
from otp_service.verifications.states import Purpose

METHOD_NAMES = (KIND,)
NEEDS_VERIFICATION = frozenset({Purpose.STEP_UP, Purpose.PASSKEY})
"""The purposes for which a passkey is two factors by itself, so that it must check PIN or biometrics."""

_ALONE = Scope(Purpose.PASSKEY)


@dataclass(frozen=True, slots=True)
class PasskeyProof:
    """A right signature."""

    passkey: Passkey
    verified: VerifiedAssertion

    @property
    def user_id(self) -> int:
        """The owner of the passkey."""
        return self.passkey.user_id

    @property
    def amr(self) -> tuple[str, ...]:
        """A key in hardware, and `user` if PIN or biometrics were checked (RFC 8176)."""
        return ("hwk", "user") if self.verified.user_verified else ("hwk",)

    def redeem(self, *, client: ClientInfo, now: datetime) -> dict[str, Any]:
        """Raises PasskeyInvalid if the passkey was removed or used meanwhile. Its challenge was spent before."""
        with transaction():
            if not credentials.record_use(self.passkey, self.verified, now=now):
                raise PasskeyInvalid
            throttle.clear(self.user_id, KIND)
            facts = {"factor": KIND, "passkeyId": str(self.passkey.id)}
            return audit.carry("factor.used", user_id=self.user_id, client=client, **facts)


def offer(request: ProofRequest) -> dict[str, Any]:
    """Return PublicKeyCredentialRequestOptionsJSON for the user's passkeys. Raises MethodNotEnrolled, PasskeysOff."""
    scope = _scope_of(request)
    ceremonies.get_rp_id()
    known = [passkey.known for passkey in credentials.of_user(request.user_id)]
    if not known:
        raise MethodNotEnrolled
    options: dict[str, Any] = ceremonies.request_options(
        challenge=challenges.issue(scope, now=clock.now()),
        allowed=known,
        needs_verification=scope.purpose in NEEDS_VERIFICATION,
    )
    return options


def offer_alone() -> Any:
    """Return PublicKeyCredentialRequestOptionsJSON for any passkey that the person chooses. Raises PasskeysOff."""
    ceremonies.get_rp_id()
    challenge = challenges.issue_alone(now=clock.now())
    return ceremonies.request_options(challenge=challenge, allowed=(), needs_verification=True)


def verify(request: ProofRequest, response: dict[str, Any]) -> PasskeyProof:
    """Check a signature. Raises PasskeyInvalid, TooManyAttempts, AuthenticatorDisabled, PasskeysOff."""
    now = clock.now()
    ceremonies.get_rp_id()
    assertion: Assertion = response["credential"]
    with throttle.attempt(request.user_id, KIND, client=request.client, now=now):
        return _verify(assertion, credentials.find(assertion.raw_id), _scope_of(request), now)


def verify_alone(response: dict[str, Any], client: ClientInfo) -> PasskeyProof:
    """Check a signature that names its user. Raises what `verify` raises."""
    now = clock.now()
    ceremonies.get_rp_id()
    assertion: Assertion = response["credential"]
    passkey = credentials.find(assertion.raw_id)
    user_id = passkey.user_id if passkey else None
    # By client: no password stands before it, so a stranger who knows the credential's id must not use up the tries of
    # its owner. A signature cannot be guessed.
    if user_id is not None:
        _take_try(user_id, client, now)
    with throttle.attempt(None, KIND, client=client, now=now, concerning=user_id):
        return _verify(assertion, passkey, _ALONE, now)


def _take_try(user_id: int, client: ClientInfo, now: datetime) -> None:
    """Count a try of the client's network. Raises TooManyAttempts, and AuthenticatorDisabled for a disabled passkey."""
    subject = keyring().digest(f"{user_id} {site_of(client.ip)}", purpose="passkey counter: network")
    hour = settings().codes.checks_per_hour
    with transaction():
        throttle.require_enabled(user_id, KIND)
        allowances.take(Allowance("passkey-tries", subject, hour, HOUR, TooManyAttempts), now=now)


def enrolment(user_id: Given, now: Given) -> ColumnElement[Any]:
    """Return whether the user has a passkey, for a statement."""
    return credentials.has_one(user_id, now)


def methods_of(has_one: bool) -> tuple[str, ...]:
    """Return the one name for all of the user's passkeys."""
    return METHOD_NAMES if has_one and settings().of(WebAuthnSettings).rp_id is not None else ()


def describe(user_id: int) -> list[dict[str, Any]]:
    """Return each of the user's passkeys."""
    waiting = removals.of_user(user_id)
    return [
        {**passkey.described(), **removals.described(waiting.get(passkey.id))}
        for passkey in credentials.of_user(user_id)
    ]


def remove_one(user_id: int, authenticator_id: uuid.UUID) -> int:
    """Remove the passkey whose removal waited, in the open transaction. Return how many there were."""
    return credentials.remove_one(user_id, authenticator_id)


def remove_all(user_id: int) -> int:
    """Remove the user's passkeys and the tries, in the open transaction. Return how many passkeys."""
    throttle.clear(user_id, KIND)
    return credentials.remove_all(user_id)


def remove_added_since(user_id: int, since: datetime) -> int:
    """Remove the passkeys that were added after a time, in the open transaction. Return how many."""
    return credentials.remove_added_since(user_id, since)


def _verify(assertion: Assertion, passkey: Passkey | None, scope: Scope, now: datetime) -> PasskeyProof:
    """Check challenge, owner, signature and counter (WebAuthn, section 7.2). Raises PasskeyRejected."""
    said = ceremonies.read_client_data(assertion.client_data)
    if passkey is None and scope.user_id is None:
        raise PasskeyRejected("the passkey is unknown")  # and its response is stored nowhere
    challenges.take(said.challenge, scope, now=now)
    said.reject_framed()
    if passkey is None or scope.user_id not in {None, passkey.user_id}:
        raise PasskeyRejected("the passkey is unknown, or another user's")
    _check_handle(assertion.user_handle, passkey, scope)
    verified = ceremonies.verify_assertion(
        assertion,
        challenge=said.challenge,
        public_key=passkey.public_key,
        needs_verification=scope.purpose in NEEDS_VERIFICATION,
    )
    # Two zeros are no counter at all: synced passkeys do not count (section 6.1.1).
    if (verified.sign_count or passkey.sign_count) and verified.sign_count <= passkey.sign_count:
        raise CloneSuspected(f"the counter says {verified.sign_count} after {passkey.sign_count}")
    return PasskeyProof(passkey, verified)


def _check_handle(given: bytes | None, passkey: Passkey, scope: Scope) -> None:
    """Section 7.2, step 6: where the scope names no user, the authenticator must."""
    if given is None and scope.user_id is None:
        raise PasskeyRejected("the authenticator names no user")
    if given is not None and not hmac.compare_digest(given, credentials.find_handle(passkey.user_id) or b""):
        raise PasskeyRejected("the authenticator names another user")


def _scope_of(request: ProofRequest) -> Scope:
    return Scope(request.purpose, request.user_id, request.bound_to)
