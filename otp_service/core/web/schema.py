"""The base of all marshmallow schemas: camelCase on the wire, unknown fields rejected, strict types."""

from typing import Any, ClassVar, cast

import marshmallow
from marshmallow import fields, validate

from otp_service.core.errors import InvalidInput
from otp_service.core.text import camel_case, without_blanks

NO_NUL = "^[^\\u0000]*$"
"""The pattern, for the OpenAPI document, of a text without NUL: no database stores it (see core.web.body)."""


class Schema(marshmallow.Schema):
    """Checks shape only: type, length, format. Snake case in Python is camelCase in JSON.

    The OpenAPI document says what a schema says about itself: of `one_of`, exactly one must be given; of `variants`,
    one describes the response; `conditions` are in the words of JSON Schema.
    """

    one_of: ClassVar[tuple[str, ...]] = ()
    variants: ClassVar[tuple[type[marshmallow.Schema], ...]] = ()
    conditions: ClassVar[dict[str, Any]] = {}

    class Meta:
        unknown = marshmallow.RAISE

    error_messages = {"unknown": "This field is not known here."}  # noqa: RUF012 - how marshmallow wants it

    @marshmallow.pre_load
    def _drop_nulls(self, data: Any, **_: Any) -> Any:
        """Take null for an optional field as absent: many forms send it for what was left blank."""
        if not isinstance(data, dict) or None not in data.values():
            return data
        names = {field.data_key for name, field in self.load_fields.items() if not self._knows_null(name)}
        return {name: value for name, value in data.items() if value is not None or name not in names}

    def _knows_null(self, name: str) -> bool:
        """Whether null has a meaning of its own for a field, or the field is required."""
        declared = self._declared_fields[name]  # as the class declares it: see document_nulls
        return declared.required or declared.allow_none

    def document_nulls(self) -> None:
        """Let the OpenAPI document say that optional fields, of nested schemas too, may be null."""
        for field in self.load_fields.values():
            if not field.required:
                field.allow_none = True
            if isinstance(field, fields.Nested) and isinstance(field.schema, Schema):
                field.schema.document_nulls()

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Name the field on the wire."""
        field_obj.data_key = field_obj.data_key or camel_case(field_name)


class Flag(fields.Boolean):
    """true or false, in no other spelling."""

    def __init__(self, fault: str, **options: Any) -> None:
        super().__init__(error_messages=one_fault(fault), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):  # marshmallow takes "yes", 1 and "off", too
            raise self.make_error("invalid", input=value)
        return bool(super()._deserialize(value, attr, data, **kwargs))


class CodeText(fields.String):
    """Loads a code that a person typed, without the blanks that people and phone keyboards add."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return without_blanks(super()._deserialize(value, attr, data, **kwargs))


class OpenOut(Schema):
    """A response in the form of another standard: dumped as it is."""

    @marshmallow.post_dump(pass_original=True)
    def _as_it_is(self, _: dict[str, Any], original: dict[str, Any], **__: Any) -> dict[str, Any]:
        return original


def load(schema: marshmallow.Schema, data: dict[str, Any], *, is_partial: bool = False) -> dict[str, Any]:
    """Return the checked fields by their Python names; with `is_partial`, required ones may be absent.

    Raises InvalidInput, which names every faulty field.
    """
    try:
        loaded: dict[str, Any] = schema.load(data, partial=is_partial)
    except marshmallow.ValidationError as error:
        raise InvalidInput(fields=_flat(cast(dict[str, Any], error.messages))) from error
    return loaded


def one_fault(message: str) -> dict[str, Any]:
    """Return the `error_messages` of a field that reports every fault with one message."""
    return dict.fromkeys(("required", "null", "invalid", "type", "unknown", "validator_failed"), message)


def text(message: str, *, maximum: int | None = None, **options: Any) -> fields.String:
    """Return a required text of 1 to `maximum` characters, which reports every fault with one message.

    Tokens have no maximum: one that is too long is a wrong token, and gets the same response as any other.
    """
    return fields.String(
        **{
            "required": True,
            "validate": validate.Length(min=1, max=maximum, error=message),
            "error_messages": one_fault(message),
            **options,
        }
    )


def cursor(what: str) -> fields.String:
    """Return the field of a query that asks for a page of a list, newest first."""
    return fields.String(
        validate=validate.Regexp(r"[0-9]{1,18}\Z", error="Provide the next of an earlier response."),
        metadata={"description": f"The `next` of the page before; without it, the newest {what}."},
    )


def _flat(messages: dict[str, Any], prefix: str = "") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in messages.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict):
            found |= _flat(value, f"{path}.")
        else:
            found[path] = list(dict.fromkeys(value))
    return found
