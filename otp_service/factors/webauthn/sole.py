"""A passkey that signs in by itself: it says who its owner is, and is something they have and know (or are)."""

from typing import Any

from otp_service.core import clock
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors import throttle
from otp_service.factors.webauthn import assertions, ceremonies, challenges, credentials
from otp_service.factors.webauthn.answers import Assertion
from otp_service.factors.webauthn.assertions import KIND, PasskeyProof
from otp_service.factors.webauthn.challenges import Errand
from otp_service.verifications.states import Purpose

_ERRAND = Errand(Purpose.PASSKEY)


def offer() -> Any:
    """Options for whichever passkey of ours the person chooses. Raises PasskeysOff."""
    ceremonies.rp_id()
    challenge = challenges.issue(_ERRAND, now=clock.now())
    return ceremonies.request_options(challenge=challenge, allowed=(), needs_verification=True)


def prove(assertion: Assertion, *, client: ClientInfo) -> PasskeyProof:
    """Check the signature. Raises PasskeyInvalid, TooManyAttempts, AuthenticatorDisabled, PasskeysOff."""
    now = clock.now()
    ceremonies.rp_id()
    passkey = credentials.find(assertion.raw_id)
    if passkey is not None:
        # Not in a row: a signature cannot be guessed, and whoever knows the credential's id must not disable it.
        throttle.take(passkey.user_id, KIND, client=client, now=now, is_in_a_row=False)
    return assertions.prove(assertion, _ERRAND, client=client, now=now)
