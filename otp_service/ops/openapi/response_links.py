"""Ties the operations: says which values of a response, or of its request, the next request takes.

Names decide, so new routes are tied as well: a token is taken by every body that names it, an `id` by the routes of one
such object, and a step such as `/confirm` follows the route before it.
"""

from collections.abc import Iterator
from typing import Any

JsonSchema = dict[str, Any]
_STEPS = ("/confirm", "/verify")
_OPTIONS = "/options"
_SIGN_IN = {"/api/v1/auth/register": ("/api/v1/auth/login", ("email", "password"))}
"""What no name says: people sign in with what they registered with."""

Operation = tuple[str, str, JsonSchema]


def add(described: JsonSchema) -> None:
    """Add the links to the successful responses of a document."""
    components = described["components"]["schemas"]
    operations = [(path, method, told) for path, item in described["paths"].items() for method, told in item.items()]
    for path, _, told in operations:
        response = [body for status, body in told["responses"].items() if status.startswith("2")][-1]
        found = dict(_found(path, told, response, operations, components))
        if found:
            response["links"] = found


def _found(
    path: str, told: JsonSchema, response: JsonSchema, operations: list[Operation], components: JsonSchema
) -> Iterator[tuple[str, JsonSchema]]:
    given = _properties(_content(response), components)
    asked = _properties(_content(told.get("requestBody", {})), components)
    for other_path, _, other in operations:
        taken = _properties(_content(other.get("requestBody", {})), components)
        body = {name: f"$response.body#/{name}" for name in given if name in taken and name.endswith("Token")}
        if _follows(path, other_path):
            body |= {name: f"$request.body#/{name}" for name in asked if name in taken and name not in body}
        elif path in _SIGN_IN and other_path == _SIGN_IN[path][0]:
            body |= {name: f"$request.body#/{name}" for name in _SIGN_IN[path][1]}
        if body:
            yield other["operationId"], _link(other, requestBody=body)
        place = _id_in(given, components) if other_path == f"{path}/{{id}}" else None
        if place:
            yield other["operationId"], _link(other, parameters={"id": f"$response.body#/{place}"})


def _follows(path: str, other: str) -> bool:
    return other in {f"{path}{step}" for step in _STEPS} or path == f"{other}{_OPTIONS}"


def _link(other: JsonSchema, **values: Any) -> JsonSchema:
    return {"operationId": other["operationId"], "description": other["summary"], **values}


def _content(part: JsonSchema) -> JsonSchema:
    found: JsonSchema = part.get("content", {}).get("application/json", {}).get("schema", {})
    return found


def _properties(schema: JsonSchema, components: JsonSchema) -> JsonSchema:
    shape = components[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    found: JsonSchema = shape.get("properties", {})
    return found


def _id_in(given: JsonSchema, components: JsonSchema) -> str | None:
    """Return where a response has the id of one object, or of the first in a list."""
    if "id" in given:
        return "id"
    lists = (name for name, shape in given.items() if "id" in _properties(shape.get("items", {}), components))
    return next((f"{name}/0/id" for name in lists), None)
