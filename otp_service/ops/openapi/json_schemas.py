"""Turns marshmallow's schemas into JSON Schema: what apispec leaves out, and what a schema says about itself.

A rule stands where a field is defined: in its `metadata`, or in a method `json_schema()` where settings decide. A
schema may have `one_of`, the names of which exactly one must be given, `variants`, the schemas of which one applies, or
`conditions` in the words of JSON Schema.
"""

from collections.abc import Callable, Iterator
from typing import Any

from apispec import APISpec
from marshmallow import Schema, fields, validate

from otp_service.core.text import camel_case
from otp_service.core.web.schema import NO_NUL

_PYTHON_END = r"\Z"
_REQUEST_SUFFIX = "In"
JsonSchema = dict[str, Any]


def of_field(_: Any, field: fields.Field[Any], ret: JsonSchema, **__: Any) -> JsonSchema:
    """Correct what apispec gets wrong: JSON Schema patterns are ECMA's and unanchored, and OneOf narrows an enum."""
    schema: JsonSchema = {}
    own: Callable[[], JsonSchema] | None = getattr(field, "json_schema", None)
    if own is not None:
        schema |= own()
    pattern = schema.get("pattern", ret.get("pattern"))
    if pattern is not None and not pattern.startswith("^"):
        schema["pattern"] = f"^(?:{pattern.removesuffix(_PYTHON_END)})$"
    for validator in field.validators:
        if isinstance(validator, validate.OneOf):
            null = [None] if field.allow_none else []
            schema["enum"] = [*(str(choice) for choice in validator.choices), *null]
    return schema


def name_of(schema: Any) -> str:
    """Return the name of a schema in the document."""
    kind = schema if isinstance(schema, type) else type(schema)
    return kind.__name__.removeprefix("_")


def nested(schema: Schema) -> Iterator[type[Schema]]:
    """Yield the class of a schema, and those of the schemas that it nests."""
    yield type(schema)
    for field in schema.fields.values():
        inner = field.inner if isinstance(field, fields.List) else field
        if isinstance(inner, fields.Nested):
            yield from nested(inner.schema)


def finish(spec: APISpec, schemas: dict[str, type[Schema]]) -> JsonSchema:
    """Return the document with what the schemas say about themselves. `schemas` has those of the routes by name."""
    variants = {variant for kind in schemas.values() for variant in getattr(kind, "variants", ())}
    _describe(spec, variants)
    known = set(spec.components.schemas)
    by_method = {response for kind in schemas.values() for response, _ in _responses(kind).values() if response}
    _describe(spec, by_method)
    described: JsonSchema = spec.to_dict()
    components = described["components"]["schemas"]
    for name, kind in schemas.items():
        _say_alternatives(components[name], kind, components)
    for name in {name_of(response) for response in by_method} - known:
        del components[name]  # what it says stands in the branches
    _open_responses(components)
    for name in _reached(_request_bodies(described), components):
        for shape in components[name].get("properties", {}).values():
            _forbid_nul(shape)
        if components[name].get("additionalProperties", True) is not False and "properties" in components[name]:
            components[name]["propertyNames"] = {"pattern": NO_NUL}
    return described


def _describe(spec: APISpec, kinds: set[type[Schema]]) -> None:
    for kind in sorted(kinds, key=name_of):
        if name_of(kind) not in spec.components.schemas:
            spec.components.schema(name_of(kind), schema=kind)


def _responses(kind: type[Schema]) -> dict[str, tuple[type[Schema] | None, tuple[str, ...]]]:
    """Return what a schema says about its methods: by name the schema of the response, and further fields."""
    responses = getattr(kind, "responses", None)
    return responses() if responses is not None else {}


def _say_alternatives(component: JsonSchema, kind: type[Schema], components: JsonSchema) -> None:
    component |= getattr(kind, "conditions", {})
    if variants := getattr(kind, "variants", ()):
        component["oneOf"] = [{"$ref": f"#/components/schemas/{name_of(variant)}"} for variant in variants]
    if names := tuple(map(camel_case, getattr(kind, "one_of", ()))):
        # Null counts as absent, so the type belongs to the condition. Exactly one of these may hold.
        component["oneOf"] = [
            {"title": name, "required": [name], "properties": {name: {"type": "string"}}} for name in names
        ]
    if responses := _responses(kind):
        methods = component["properties"]["method"]["enum"]
        branches = [_branch(name, *responses[name], components) for name in methods if name is not None]
        if None in methods:  # `anyOf`, because tools want each branch of `oneOf` to require what tells it apart
            component["anyOf"] = [*branches, _WITHOUT_METHOD]
        else:
            component["oneOf"] = branches


_WITHOUT_METHOD: JsonSchema = {
    "title": "none",
    "properties": {name: {"type": "null"} for name in ("method", "code", "credential")},
}
"""The branch of a body whose method may be left out: no response may come with it."""


def _branch(method: str, response: type[Schema] | None, needs: tuple[str, ...], components: JsonSchema) -> JsonSchema:
    """Return the branch of one method: what its response must have, and that other responses are absent."""
    shape = components[name_of(response)] if response is not None else {}
    given = {name: shape.get("properties", {}).get(name, {"type": "null"}) for name in ("code", "credential")}
    more = {name: {"type": "string"} for name in needs}
    required = ["method", *shape.get("required", ()), *needs]
    return {"title": method, "properties": {"method": {"const": method}, **given, **more}, "required": required}


def _open_responses(components: JsonSchema) -> None:
    """Allow more fields in responses: later versions may add some. Requests with an unknown field are rejected."""
    for name, schema in components.items():
        if not name.endswith(_REQUEST_SUFFIX):
            schema.pop("additionalProperties", None)


def _request_bodies(described: JsonSchema) -> Iterator[JsonSchema]:
    for item in described["paths"].values():
        for operation in item.values():
            if "requestBody" in operation:
                yield from (media["schema"] for media in operation["requestBody"]["content"].values())


def _reached(starts: Iterator[JsonSchema], components: JsonSchema) -> set[str]:
    """Return the names of all components that these schemas refer to, directly or not."""
    reached: set[str] = set()
    waiting: list[Any] = list(starts)
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            name = str(value.get("$ref", "")).rpartition("/")[2]
            if name and name not in reached:
                reached.add(name)
                waiting.append(components[name])
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return reached


def _forbid_nul(shape: JsonSchema) -> None:
    types = shape.get("type", ())
    is_text = types == "string" or "string" in types
    if is_text and not {"pattern", "enum", "format"} & shape.keys():
        shape["pattern"] = NO_NUL
    if "items" in shape:
        _forbid_nul(shape["items"])
