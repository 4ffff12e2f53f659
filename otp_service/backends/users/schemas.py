"""Request and response schemas of `/users`."""

from marshmallow import fields

from otp_service.core.web.schema import Schema


class ManagedUserOut(Schema):
    """A user, as shown to a backend."""

    id = fields.Integer(required=True)
    user_id = fields.Integer(
        attribute="id",
        dump_only=True,
        required=True,
        metadata={"description": "The same as `id`, under the name that the routes of people use."},
    )
    email = fields.String(
        attribute="address",
        required=True,
        allow_none=True,
        metadata={"description": "Null after the owner of the mailbox took the address back."},
    )
    email_verified = fields.Boolean(required=True)
    phone_number = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "E.164; null without a number, or after another account verified it."},
    )
    is_verified = fields.Boolean(required=True, metadata={"description": "Whether the number is verified."})
    display_name = fields.String(allow_none=True, required=True)
    locale = fields.String(allow_none=True, required=True)
    locked_at = fields.DateTime(
        required=True, allow_none=True, metadata={"description": "Since when no sign-in succeeds; null if not locked."}
    )
    lock_reason = fields.String(
        required=True, allow_none=True, metadata={"description": "Null for a lock by an operator or a backend."}
    )
    erase_at = fields.DateTime(
        required=True, allow_none=True, metadata={"description": "When the account is erased, at its holder's request."}
    )
    created_at = fields.DateTime(required=True)
