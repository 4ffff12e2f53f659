"""Strict JSON: rejects what two parsers could read in two ways (RFC 8259, section 4; RFC 7493)."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any


class RepeatedName(ValueError):
    """An object has a name twice. Parsers differ on which one counts, so a forged value could hide behind the other."""


def decode(text: str, *, parse_float: Callable[[str], Any] | None = None) -> Any:
    """Return the value of a JSON text. Raises ValueError (RepeatedName among others), RecursionError.

    NaN and Infinity, which Python's decoder takes, are no JSON. `parse_float` makes numbers with a fraction.
    """
    return _decoder(parse_float).decode(text)


@cache
def _decoder(parse_float: Callable[[str], Any] | None) -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_reject_constant, parse_float=parse_float)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RepeatedName
    return found


def _reject_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
