"""What can go wrong with a passkey."""

from otp_service.core.errors import Conflict, NotAuthenticated, NotFound


class PasskeyInvalid(NotAuthenticated):
    """Signed for another challenge, page, domain or user, badly, twice, or too late: nobody is told which."""

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
    """The account has as many as it may have."""

    code = "passkey_limit"
    title = "Your account has as many passkeys as it may have. Remove one first."


class PasskeysOff(Conflict):
    """The operator named no domain for them."""

    code = "passkeys_off"
    title = "Passkeys are not set up on this service."


class Refused(Exception):
    """Why an authenticator's answer is not taken; for the log and the audit trail alone. `event` names it there."""

    event = "factor.refused"

    @property
    def reason(self) -> str:
        """In a form that can be stored and shown: the library quotes what strangers wrote."""
        return "".join(filter(str.isprintable, str(self)))[:200]


class CloneSuspected(Refused):
    """The counter went back: the key answers in two places (WebAuthn, section 6.1.1)."""

    event = "factor.clone_suspected"
