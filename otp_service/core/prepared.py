"""Statements that are built once: building one anew each time costs more than running it."""

from collections.abc import Callable
from functools import cache, wraps
from inspect import signature
from typing import Any, TypeVar

from sqlalchemy import BindParameter, Executable, bindparam

Given = BindParameter[Any]
"""A value that comes when the statement runs. It has the type of the column that it is compared with or stored in."""

S = TypeVar("S", bound=Executable)


def prepared(build: Callable[..., S]) -> Callable[..., tuple[S, dict[str, Any]]]:
    """Make of a function that builds a statement one that takes the values: `fetch_one(*_by_email(email))`.

    The parameters of `build` are called with Given's, once. Values that are no parameters, given by name, are what an
    UPDATE sets. None equals nothing, as in SQL: `==` with a value that may be None wants `is_not_distinct_from`.
    """
    names = tuple(f"given_{name}" for name in signature(build).parameters)

    @cache
    def statement() -> S:
        return build(*map(bindparam, names))

    @wraps(build)
    def with_values(*values: Any, **columns: Any) -> tuple[S, dict[str, Any]]:
        return statement(), dict(zip(names, values, strict=True)) | columns

    return with_values
