"""The errors of passkeys, and the reasons that only the audit trail names."""

from otp_service.core.errors import Conflict, NotAuthenticated, NotFound
from otp_service.factors.throttle import ResponseRejected


class PasskeyInvalid(NotAuthenticated):
    """The response is for another challenge, page, domain or user, is signed badly, is used, or is late.

    The client learns none of these reasons.
    """

    code = "passkey_invalid"
    title = "Invalid or expired passkey."


class PasskeyNotFound(NotFound):
    """None of the caller's passkeys has this id."""

    code = "passkey_not_found"
    title = "Passkey not found."


class PasskeyTaken(Conflict):
    """The credential is already registered, with this account or with another."""

    code = "passkey_taken"
    title = "This passkey is already registered."


class TooManyPasskeys(Conflict):
    """The account has as many passkeys as it may have."""

    code = "passkey_limit"
    title = "Your account has as many passkeys as it may have. Remove one first."


class PasskeysOff(Conflict):
    """The operator has set no domain for passkeys."""

    code = "passkeys_off"
    title = "Passkeys are not set up on this service."


class PasskeyRejected(ResponseRejected):
    """Why an authenticator's response is rejected."""

    error = PasskeyInvalid


class CloneSuspected(PasskeyRejected):
    """The counter went back: two authenticators may hold the same key (WebAuthn, section 6.1.1)."""

    event = "factor.clone_suspected"
