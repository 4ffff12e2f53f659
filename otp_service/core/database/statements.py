"""Statements that are built once: to build one each time costs more than to run it (ADR 16)."""

from collections.abc import Callable
from functools import cache, wraps
from inspect import signature
from typing import Any, TypeVar

from sqlalchemy import BindParameter, ColumnElement, Executable, Insert, bindparam, insert
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.dml import ReturningInsert

from otp_service.extensions import Base

Given = BindParameter[Any]
"""A value that comes when the statement runs. It has the type of the column that it is compared with or stored in."""

S = TypeVar("S", bound=Executable)


def prepared(build: Callable[..., S]) -> Callable[..., tuple[S, dict[str, Any]]]:
    """Turn a function that builds a statement into one that takes the values: `fetch_one(*_by_email(email))`.

    `build` is called once, with a Given for each parameter. Values passed by name are the columns that an UPDATE sets:
    `execute(*_of_id(user_id, locked_at=now))`. Raises TypeError for a name that is not a column.

    In SQL, NULL equals no value: use `is_not_distinct_from` for a value that may be None.
    """
    names = tuple(f"given_{name}" for name in signature(build).parameters)

    @cache
    def statement() -> S:
        return build(*map(bindparam, names))

    @wraps(build)
    def with_values(*values: Any, **columns: Any) -> tuple[S, dict[str, Any]]:
        if columns:
            _reject_unknown(columns, statement())
        return statement(), dict(zip(names, values, strict=True)) | columns

    return with_values


def prepared_insert(
    model: type[Base], *returning: ColumnElement[Any] | InstrumentedAttribute[Any]
) -> Callable[..., tuple[Insert | ReturningInsert[Any], dict[str, Any]]]:
    """Make an INSERT that takes the values by their columns' names: `execute(*_add(id=key, user_id=user_id))`.

    Raises TypeError for a name that is not a column.
    """
    # Inline: without it, SQLAlchemy would ask for the key that the database made.
    statement = insert(model).returning(*returning) if returning else insert(model).inline()

    def with_values(**columns: Any) -> tuple[Insert | ReturningInsert[Any], dict[str, Any]]:
        _reject_unknown(columns, statement)
        return statement, columns

    return with_values


def _reject_unknown(columns: dict[str, Any], statement: Any) -> None:
    # SQLAlchemy silently leaves out a value that is no column of the statement's table.
    if unknown := columns.keys() - statement.table.c.keys():
        raise TypeError(f"no columns of {statement.table.name}: {', '.join(sorted(unknown))}")
