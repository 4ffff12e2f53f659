"""Passkeys and security keys as a second factor: a challenge signed for one sign-in, step-up or recovery."""

from typing import Any

from otp_service.core import clock
from otp_service.core.services import settings
from otp_service.core.web.schema import Schema
from otp_service.factors import throttle
from otp_service.factors.contract import Ask
from otp_service.factors.errors import MethodNotEnrolled
from otp_service.factors.webauthn import assertions, ceremonies, challenges, credentials
from otp_service.factors.webauthn.assertions import KIND, VERIFIED_PURPOSES, PasskeyProof
from otp_service.factors.webauthn.challenges import Errand
from otp_service.factors.webauthn.schemas import PasskeyIn
from otp_service.factors.webauthn.settings import WebAuthnSettings


class WebAuthnFactor:
    """See factors.contract.Factor. A step-up takes no password: the passkey has to ask for PIN or biometrics itself."""

    kind = KIND
    words: tuple[str, ...] = (KIND,)
    path: str | None = "webauthn"
    answer: type[Schema] = PasskeyIn
    has_offer = True
    needs_password = False
    is_backup = False

    def methods(self, user_id: int) -> tuple[str, ...]:
        """One word for all of the user's passkeys."""
        has_one = settings().of(WebAuthnSettings).rp_id is not None and credentials.count(user_id) > 0
        return self.words if has_one else ()

    def offer(self, ask: Ask) -> dict[str, Any]:
        """PublicKeyCredentialRequestOptionsJSON for the user's passkeys. Raises MethodNotEnrolled, PasskeysOff."""
        errand = _errand(ask)
        ceremonies.rp_id()
        known = [passkey.known for passkey in credentials.of_user(ask.user_id)]
        if not known:
            raise MethodNotEnrolled
        options: dict[str, Any] = ceremonies.request_options(
            challenge=challenges.issue(errand, now=clock.now()),
            allowed=known,
            needs_verification=errand.purpose in VERIFIED_PURPOSES,
        )
        return options

    def prove(self, ask: Ask, answer: dict[str, Any]) -> PasskeyProof:
        """Check the signature. Raises PasskeyInvalid, TooManyAttempts, AuthenticatorDisabled, PasskeysOff."""
        now = clock.now()
        ceremonies.rp_id()
        throttle.take(ask.user_id, KIND, client=ask.client, now=now)
        return assertions.prove(answer["credential"], _errand(ask), client=ask.client, now=now)

    def describe(self, user_id: int) -> list[dict[str, Any]]:
        """Each passkey by itself."""
        return [passkey.described() for passkey in credentials.of_user(user_id)]

    def remove_all(self, user_id: int) -> int:
        """Remove every passkey of the user's, and the tries."""
        throttle.clear(user_id, KIND)
        return credentials.remove_all(user_id)


WEBAUTHN = WebAuthnFactor()


def _errand(ask: Ask) -> Errand:
    return Errand(ask.purpose, ask.user_id, ask.bound_to)
