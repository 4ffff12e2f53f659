"""Makes an example of a schema from the examples of its fields, so that new routes have examples, too."""

from typing import Any

JsonSchema = dict[str, Any]

_BY_FORMAT: dict[str, Any] = {
    "uuid": "6f1d9c1e-0f5b-4f0e-9a0b-3f0c8f1f7d52",
    "date-time": "2026-01-15T09:30:00Z",
    "email": "ada@example.com",
    "password": "Tram-To-Altstetten-7",
    "base64url": "Zm9vYmFy",
}
_BY_NAME: dict[str, Any] = {
    "acr": "aal2",
    "agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
    "challengeToken": "ch_5Jx0QzV7m2b8sKc1TnYw4RgLd6PfEaUo9HiXqBvN3Zk",
    "deviceToken": "dt_8Qw2ErT5yUi1Op4As7Df0Gh3Jk6Lz9Xc2Vb5Nm8Qw1E",
    "displayName": "Ada Lovelace",
    "event": "session.started",
    "expiresIn": 600,
    "id": "6f1d9c1e-0f5b-4f0e-9a0b-3f0c8f1f7d52",
    "ip": "192.0.2.17",
    "knownDeviceToken": "kd_2Vb5Nm8Qw1ErT4yUi7Op0As3Df6Gh9Jk2Lz5Xc8Vb1N",
    "locale": "en",
    "message": "Done.",
    "next": "1718",
    "phoneNumber": "+1******2671",
    "qrCode": "data:image/svg+xml;base64,PHN2Zy8+",
    "refreshToken": "rt_3Df6Gh9Jk2Lz5Xc8Vb1Nm4Qw7ErT0yUi3Op6As9Df2G",
    "requestId": "0f8c41f0-6f0e-4b6e-9d0e-2f2d6f1a7c11",
    "resendAfter": 120,
    "retryAfter": 87,
    "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
    "token": "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "tokenType": "Bearer",
}


class Examples:
    """Makes examples under the components of one document."""

    def __init__(self, components: dict[str, JsonSchema]) -> None:
        self._components = components

    def of(self, schema: JsonSchema, *, name: str = "", is_request: bool) -> Any:
        """Return an example. Of a request it has the fields that are required, of a response all."""
        shape = self._resolved(schema)
        for known in (
            shape.get("examples", ())[:1],
            [shape["const"]] if "const" in shape else (),
            shape.get("enum", ()),
        ):
            if known:
                return known[0]
        if "properties" in shape or "oneOf" in shape:
            return self._object(shape, is_request=is_request)
        kind = self._kind(shape)
        if kind == "array":
            return [self.of(shape.get("items", {}), name=name.removesuffix("s"), is_request=is_request)]
        return _plain(shape, kind, name)

    def of_response(self, schema: JsonSchema) -> JsonSchema:
        """Return the example of a response, or one for each of its variants."""
        shape = self._resolved(schema)
        if "oneOf" not in shape:
            return {"example": self.of(schema, is_request=False)}
        variants = {variant["$ref"].rpartition("/")[2]: variant for variant in shape["oneOf"]}
        return {"examples": {name: {"value": self.of(one, is_request=False)} for name, one in variants.items()}}

    def _resolved(self, schema: JsonSchema) -> JsonSchema:
        """Follow references, and merge what stands next to them."""
        merged = dict(schema)
        while "$ref" in merged or "allOf" in merged or "anyOf" in merged:
            parts = merged.pop("allOf", None) or merged.pop("anyOf", None) or []
            target = merged.pop("$ref", None)
            if target is not None:
                merged = {**self._components[target.rpartition("/")[2]], **merged}
            if parts:
                merged = {**parts[0], **merged}
        return merged

    def _object(self, shape: JsonSchema, *, is_request: bool) -> dict[str, Any]:
        branch = self._resolved(shape["oneOf"][0]) if "oneOf" in shape else {}
        properties = {**shape.get("properties", {}), **branch.get("properties", {})}
        if is_request:
            needed = {*shape.get("required", ()), *branch.get("required", ())}
            # A branch narrows a property; what it is, and its example, the schema itself says.
            properties = {
                name: {**shape.get("properties", {}).get(name, {}), **part} for name, part in properties.items()
            }
            properties = {name: part for name, part in properties.items() if name in needed}
        elif branch:
            properties = branch["properties"]
        return {name: self.of(part, name=name, is_request=is_request) for name, part in properties.items()}

    @staticmethod
    def _kind(shape: JsonSchema) -> str:
        kind = shape.get("type", "string")
        return kind if isinstance(kind, str) else next((one for one in kind if one != "null"), "null")


def _plain(shape: JsonSchema, kind: str, name: str) -> Any:
    by_kind = {"boolean": True, "integer": max(1, shape.get("minimum", 1)), "number": 1, "object": {}, "null": None}
    if shape.get("format") in _BY_FORMAT:
        return _BY_FORMAT[shape["format"]]
    known = _BY_NAME.get(name)
    if known is not None and isinstance(known, {"string": str, "integer": int}.get(kind, ())):
        return known
    return "text" if kind == "string" else by_kind.get(kind)
