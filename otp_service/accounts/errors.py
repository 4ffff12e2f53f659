"""The errors of accounts."""

from otp_service.core.errors import Conflict, Forbidden, NotAuthenticated, NotFound, TooMany, Unprocessable


class EmailTaken(Conflict):
    """The address belongs to an account."""

    code = "email_taken"
    title = "Email is already registered."


class PhoneNumberTaken(Conflict):
    """The number belongs to an account."""

    code = "phone_number_taken"
    title = "Phone number is already registered."


class EmailUnchanged(Conflict):
    """The address to change to is the account's own."""

    code = "email_unchanged"
    title = "This is the address of your account already."


class EmailAlreadyVerified(Conflict):
    """The address is verified already."""

    code = "email_already_verified"
    title = "Your email address is verified already."


class EmailMissing(Conflict):
    """The owner of the mailbox took the account's address back, and no other was set since."""

    code = "email_missing"
    title = "This account has no email address. Add one first."


class EmailChangeUnconfirmed(Forbidden):
    """The link to a new address was opened outside the session that requested the change, and without the password."""

    code = "email_change_unconfirmed"
    title = (
        "Confirm this change where you requested it, or with the password of the account that requested it. "
        "If you did not request it, ignore the e-mail."
    )


class EmailLinkLimit(TooMany):
    """Links were requested too often."""

    code = "email_link_limit"
    title = "Too many links were requested. Try again later."


class UserNotFound(NotFound):
    """No user has this id, address or number."""

    code = "user_not_found"
    title = "User not found."


class InvalidCredentials(NotAuthenticated):
    """Unknown address, wrong password, or an account that an operator locked; the response is the same for all."""

    code = "invalid_credentials"
    title = "Invalid email or password."

    @classmethod
    def of_signed_in(cls) -> "InvalidCredentials":
        """Return the error for a signed-in person. The account is known, so only the password can be wrong."""
        return cls("Your current password is wrong.")


class AccountLocked(TooMany):
    """Too many wrong passwords in a row. The wait ends automatically.

    `proveFirst` names what ends it at once for the client that verifies it (ADR 36): the same for every address.
    """

    code = "account_locked"
    title = "Too many failed sign-ins. Wait before trying again."

    def __init__(self, *, retry_after_seconds: float) -> None:
        super().__init__(retry_after_seconds=retry_after_seconds, extra={"proveFirst": ["phone", "email"]})


class PhoneUnverified(Forbidden):
    """The account's number is not verified yet."""

    code = "phone_verification_required"
    title = "Phone verification required."


class PhoneUnchanged(Conflict):
    """The number is the account's already, and verified."""

    code = "phone_unchanged"
    title = "This is your phone number already."


class PhoneNumberMissing(Unprocessable):
    """Another account has verified the number, so no code can be sent for this one."""

    code = "phone_number_missing"
    title = "This account has no phone number. Use another factor, or ask the operator to set a number."
