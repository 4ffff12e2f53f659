"""A request as it arrived and the response to send, independent of any socket."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

JSON_TYPE = "application/json; charset=utf-8"


class Wire(Enum):
    """How much of a response reaches the client."""

    WHOLE = "whole"
    HALF = "half"
    RESET = "reset"
    SILENT = "silent"


@dataclass(frozen=True)
class Request:
    """`target` is the request target as sent. Header names are lower-case."""

    verb: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    base_url: str = ""

    @cached_property
    def raw_path(self) -> str:
        """The path as sent, without the query."""
        return self.target.partition("?")[0]

    @cached_property
    def path(self) -> str:
        """The path, percent-decoded. A `+` stays a `+`: the official SDKs send `/number/+1...` unencoded."""
        return unquote(self.raw_path)

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The segments of the path. Each is decoded after the split, so that an encoded slash stays in its segment."""
        return tuple(unquote(part) for part in self.raw_path.strip("/").split("/"))

    def query(self, name: str) -> str | None:
        """Return the first value of a query parameter. A raw `+` in front of it stays, because people type numbers."""
        text = urlsplit(self.target).query
        values = parse_qs(text.replace("=+", "=%2B")).get(name)
        return values[0].strip() if values else None


@dataclass(frozen=True)
class Response:
    """A complete response. `wire` says how it is spoiled on its way."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    wire: Wire = Wire.WHOLE

    @classmethod
    def of(cls, document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> "Response":
        """Return a JSON response."""
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        return cls(status, body, {"Content-Type": JSON_TYPE, **(headers or {})})
