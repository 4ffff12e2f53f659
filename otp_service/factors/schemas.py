"""Request and response schemas that all factors share."""

from typing import Any

from marshmallow import fields, validate

from otp_service.core.web.schema import Schema, one_fault, text
from otp_service.factors import registry


def method(names: tuple[str, ...] = registry.METHOD_NAMES, *, is_required: bool = True) -> fields.String:
    """Make the field that names a method."""
    fault = method_fault(names)
    return fields.String(
        required=is_required,
        validate=validate.OneOf(names, error=fault),
        error_messages=one_fault(fault),
    )


def method_fault(names: tuple[str, ...]) -> str:
    """Return the message for any other name."""
    return f"Provide one of: {', '.join(names)}."


class ResponseIn(Schema):
    """A method and its response; the method decides which field holds the response."""

    method = method()
    code = fields.Raw(metadata={"type": "string", "examples": ["4821"], "description": "For methods with a code."})
    credential = fields.Raw(metadata={"type": "object", "description": "For webauthn: the browser's response."})

    @classmethod
    def responses(cls) -> dict[str, tuple[type[Schema] | None, tuple[str, ...]]]:
        """Return by method the schema of its response, and the other fields that it needs, for the document."""
        return {name: (registry.get(name).response, ()) for name in registry.METHOD_NAMES}

    def load_response(self, data: dict[str, Any], response: type[Schema] | None = None) -> dict[str, Any]:
        """Take the response out of `data` and load it by the schema of the method's factor, or by `response`."""
        given: dict[str, Any] = {name: data.pop(name) for name in ("code", "credential") if name in data}
        loaded: dict[str, Any] = (response or registry.get(data["method"]).response)().load(given)
        return loaded


class DefaultIn(Schema):
    """The method that a sign-in asks for first."""

    method = method()


class FactorOut(Schema):
    """One enrolled authenticator. Fields that its kind does not have are absent."""

    type = fields.String(required=True)
    id = fields.String()
    name = fields.String()
    phone_number = fields.String(metadata={"description": "Masked.", "examples": ["+1******2671"]})
    remaining = fields.Integer(metadata={"description": "How many are left."})
    synced = fields.Boolean(metadata={"description": "Whether more than one device keeps it."})
    created_at = fields.DateTime()
    last_used_at = fields.DateTime(allow_none=True)
    enabled = fields.Boolean(metadata={"description": "For the phone: false once it was switched off as a factor."})
    removal_at = fields.DateTime(metadata={"description": "From then on it does not work: a removal waits."})
    removal_id = fields.UUID(metadata={"description": "Cancels the removal: `DELETE /factors/removals/{id}`."})


class KeepIn(Schema):
    """The token of the link that keeps a factor."""

    token = text("Provide the token of your link.")


class KeptOut(Schema):
    """A message for the person."""

    message = fields.String(required=True)


class FactorsOut(Schema):
    """All that is enrolled, and the default method; null if there is none."""

    factors = fields.List(fields.Nested(FactorOut), required=True)
    default_method = fields.String(
        required=True, allow_none=True, metadata={"enum": [*registry.METHOD_NAMES, None], "examples": ["sms"]}
    )
