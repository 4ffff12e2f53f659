"""Reads the clock of the database, to compare it with this machine's."""

from datetime import datetime

from sqlalchemy import text

from otp_service.core.database.transactions import fetch_all
from otp_service.extensions import db

_NOW = {
    "postgresql": text("SELECT clock_timestamp()"),
    "sqlite": text("SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"),
}


def read() -> datetime:
    """Return the time at the database; SQLite has the clock of this machine."""
    moment = fetch_all(_NOW[db.engine.dialect.name])[0][0]
    return moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)
