"""Reads the clock of the database server, to compare it with this machine's."""

from datetime import datetime

from sqlalchemy import text

from otp_service.core.database.transactions import fetch_all
from otp_service.extensions import db


def find() -> datetime | None:
    """Return the time at the server; None on SQLite, which has the clock of this machine."""
    if db.engine.dialect.name != "postgresql":
        return None
    moment: datetime = fetch_all(text("SELECT clock_timestamp()"))[0][0]
    return moment
