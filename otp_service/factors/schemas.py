"""What the routes of all factors take and give."""

from typing import Any

from marshmallow import fields, validate

from otp_service.core.web.schema import Schema, one_fault
from otp_service.factors import registry


def method(words: tuple[str, ...] = registry.WORDS) -> fields.String:
    """The word for a way to prove who one is."""
    fault = method_fault(words)
    return fields.String(
        required=True,
        validate=validate.OneOf(words, error=fault),
        error_messages=one_fault(fault),
    )


def method_fault(words: tuple[str, ...]) -> str:
    """What a client reads about any other word."""
    return f"Provide one of: {', '.join(words)}."


class AnswerIn(Schema):
    """A method and what proves it; which field goes with it depends on the method."""

    method = method()
    code = fields.Raw(metadata={"type": "string", "examples": ["287082"], "description": "For methods with a code."})
    credential = fields.Raw(metadata={"type": "object", "description": "For webauthn: the browser's answer."})

    def load_answer(self, data: dict[str, Any], answer: type[Schema] | None = None) -> dict[str, Any]:
        """What proves the method, taken out of `data` and checked by the factor's own schema, or by `answer`."""
        given: dict[str, Any] = {name: data.pop(name) for name in ("code", "credential") if name in data}
        loaded: dict[str, Any] = (answer or registry.of_word(data["method"]).answer)().load(given)
        return loaded


class DefaultIn(Schema):
    """The method to be asked for first."""

    method = method()


class FactorOut(Schema):
    """One thing that is enrolled. Fields that say nothing of its kind are absent."""

    type = fields.String(required=True)
    id = fields.String()
    name = fields.String()
    phone_number = fields.String(metadata={"description": "Masked."})
    remaining = fields.Integer(metadata={"description": "How many are left."})
    synced = fields.Boolean(metadata={"description": "Whether it is kept by more than one device."})
    created_at = fields.DateTime()
    last_used_at = fields.DateTime(allow_none=True)


class FactorsOut(Schema):
    """All that is enrolled, and what is asked for first; null while nothing can be."""

    factors = fields.List(fields.Nested(FactorOut), required=True)
    default_method = fields.String(required=True, allow_none=True)
