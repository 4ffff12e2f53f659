"""Counts what an act asks of the database: each statement is a round trip to a server that may be far away."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from sqlalchemy import event
from sqlalchemy.engine import Connection

from otp_service.extensions import db


@dataclass
class Asked:
    """What went to the database."""

    database: str
    statements: list[str] = field(default_factory=list)
    commits: int = 0


@contextmanager
def listening(app: Flask) -> Iterator[Asked]:
    """Note every statement and commit of the application inside the block."""

    def note(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        asked.statements.append(" ".join(statement.split()))

    def count(_connection: Connection) -> None:
        asked.commits += 1

    with app.app_context():
        engine = db.engine
    asked = Asked(engine.dialect.name)

    event.listen(engine, "before_cursor_execute", note)
    event.listen(engine, "commit", count)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)
        event.remove(engine, "commit", count)
