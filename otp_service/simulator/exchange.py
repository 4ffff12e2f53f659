"""A request as it came and a reply as it shall go, apart from any socket."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

JSON_TYPE = "application/json; charset=utf-8"


class Wire(Enum):
    """How much of a reply reaches the other side."""

    WHOLE = "whole"
    HALF = "half"
    RESET = "reset"
    SILENT = "silent"


@dataclass(frozen=True)
class Request:
    """`target` is the request target as sent; header names are lower-case."""

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
        """The path, percent-decoded; a `+` stays a `+`."""
        return unquote(self.raw_path)

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The path's segments, each percent-decoded."""
        return tuple(unquote(part) for part in self.raw_path.strip("/").split("/"))

    def query(self, name: str) -> str | None:
        """The first value of a query parameter. A raw `+` before digits stays, since people type numbers."""
        text = urlsplit(self.target).query
        values = parse_qs(text.replace("=+", "=%2B")).get(name)
        return values[0].strip() if values else None


@dataclass(frozen=True)
class Reply:
    """A complete answer; `wire` says how it is spoiled on its way."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    wire: Wire = Wire.WHOLE

    @classmethod
    def of(cls, document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> "Reply":
        """A JSON reply."""
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        return cls(status, body, {"Content-Type": JSON_TYPE, **(headers or {})})
