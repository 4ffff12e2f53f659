"""What the routes that change, export and erase an account take and give."""

from marshmallow import fields

from otp_service.accounts.fields import PhoneField, password
from otp_service.auth.schemas import TOKEN_LENGTH, TokensOut
from otp_service.core.web.schema import OpenOut, Schema, text
from otp_service.factors.phone.fields import CodeField, channel


class PasswordChangeIn(Schema):
    """The password that counts, and the one that shall."""

    current_password = password("Provide your current password.")
    new_password = password("Provide a new password.")


class PasswordChangedOut(TokensOut):
    """New tokens of the same session; the refresh token from before is dead."""

    message = fields.String(required=True)


class PhoneChangeIn(Schema):
    """A number to change to, and how the code shall come."""

    phone_number = PhoneField(required=True)
    channel = channel()


class PhoneChangeConfirmIn(Schema):
    """The code that came to the new number."""

    otp_code = CodeField()


class PhoneChangedOut(Schema):
    """The number from now on."""

    message = fields.String(required=True)
    phone_number = fields.String(required=True, metadata={"description": "E.164."})
    notice = fields.String(required=True, metadata={"description": "For people: the risk of codes on the phone."})


class UndoIn(Schema):
    """The token of an undo link."""

    token = text("Provide the token of your link.", maximum=TOKEN_LENGTH)


class MessageOut(Schema):
    """What was done."""

    message = fields.String(required=True)


class ErasureIn(Schema):
    """The password, since there is no way back."""

    password = password()


class ExportOut(OpenOut):
    """Everything stored about the person, a list of rows for each kind. New kinds may be added."""
