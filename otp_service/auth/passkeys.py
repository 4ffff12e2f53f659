"""Signs people in with a passkey alone: no address, no password, no code."""

from typing import Any

from otp_service.accounts import users
from otp_service.auth.session_opening import open_session
from otp_service.auth.sign_in import Verified
from otp_service.core import clock
from otp_service.core.database.transactions import transaction
from otp_service.core.web.tracing import ClientInfo
from otp_service.factors.webauthn import sole
from otp_service.factors.webauthn.answers import Assertion
from otp_service.factors.webauthn.errors import PasskeyInvalid


def offer() -> Any:
    """What a browser needs to let the person choose a passkey. Raises PasskeysOff."""
    return sole.offer()


def sign_in(assertion: Assertion, *, client: ClientInfo) -> Verified:
    """Sign in whoever the passkey says, if the signature is right. Raises what sole.prove raises."""
    proof = sole.prove(assertion, client=client)
    now = clock.now()
    with transaction():
        account = users.find_and_hold(proof.passkey.user_id)
        if account is None:
            raise PasskeyInvalid  # locked or deleted
        proof.redeem(client=client, now=now)
        return Verified(account.id, open_session(account.id, amr=proof.amr, acr="aal2", client=client, now=now))
