"""Proves a passkey: the challenge is ours and for this, the signature right, the counter ahead, the owner the one."""

import hmac
import uuid
from dataclasses import dataclass
from datetime import datetime

from otp_service import audit
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import throttle
from otp_service.factors.webauthn import ceremonies, challenges, credentials, handles
from otp_service.factors.webauthn.answers import Assertion, Shown
from otp_service.factors.webauthn.challenges import Errand
from otp_service.factors.webauthn.credentials import Passkey
from otp_service.factors.webauthn.errors import CloneSuspected, PasskeyInvalid, Refused
from otp_service.verifications.states import Purpose

KIND = "webauthn"
VERIFIED_PURPOSES = frozenset({Purpose.STEP_UP, Purpose.PASSKEY})
"""Where the passkey has to be two factors by itself, so that PIN or biometrics are needed."""


@dataclass(frozen=True, slots=True)
class PasskeyProof:
    """A right signature. It is worth nothing until it is redeemed, once."""

    passkey: Passkey
    shown: Shown
    challenge_id: uuid.UUID

    @property
    def amr(self) -> tuple[str, ...]:
        """RFC 8176: a key in hardware, and `user` when PIN or biometrics were checked."""
        return ("hwk", "user") if self.shown.user_verified else ("hwk",)

    def redeem(self, *, client: ClientInfo, now: datetime) -> None:
        """Raises PasskeyInvalid when the challenge is spent, or the passkey was removed or used meanwhile."""
        with transaction():
            challenges.spend(self.challenge_id, now=now)
            if not credentials.note_use(self.passkey, self.shown, now=now):
                raise PasskeyInvalid
            throttle.clear(self.passkey.user_id, KIND)
            facts = {"factor": KIND, "passkeyId": str(self.passkey.id)}
            audit.record("factor.used", user_id=self.passkey.user_id, client=client, at=now, **facts)


def prove(assertion: Assertion, errand: Errand, *, client: ClientInfo, now: datetime) -> PasskeyProof:
    """Check a signature. Raises PasskeyInvalid, whatever was wrong; the log and the audit trail know what."""
    passkey = credentials.find(assertion.raw_id)
    try:
        return _prove(assertion, passkey, errand, now)
    except Refused as refused:
        user_id = errand.user_id or (passkey.user_id if passkey else None)
        with transaction():
            facts = {"factor": KIND, "reason": refused.reason}
            audit.record(refused.event, user_id=user_id, client=client, at=now, **facts)
        raise PasskeyInvalid from refused


def _prove(assertion: Assertion, passkey: Passkey | None, errand: Errand, now: datetime) -> PasskeyProof:
    challenge = ceremonies.signed_challenge(assertion.client_data)
    challenge_id = challenges.find_open(challenge, errand, now=now)
    if passkey is None or errand.user_id not in {None, passkey.user_id}:
        raise Refused("the passkey is unknown, or somebody else's")
    _check_handle(assertion.user_handle, passkey, errand)
    shown = ceremonies.verify_assertion(
        assertion,
        challenge=challenge,
        public_key=passkey.public_key,
        needs_verification=errand.purpose in VERIFIED_PURPOSES,
    )
    if (shown.sign_count or passkey.sign_count) and shown.sign_count <= passkey.sign_count:
        raise CloneSuspected(f"the counter says {shown.sign_count} after {passkey.sign_count}")
    return PasskeyProof(passkey, shown, challenge_id)


def _check_handle(given: bytes | None, passkey: Passkey, errand: Errand) -> None:
    """Section 7.2, step 6: whoever was not named before has to be named by the authenticator."""
    if given is None and errand.user_id is None:
        raise Refused("the authenticator names no user")
    if given is not None and not hmac.compare_digest(given, handles.find(passkey.user_id) or b""):
        raise Refused("the authenticator names another user")
