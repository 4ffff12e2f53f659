"""Looks at everything that the service stands on. Only the database and its schema decide; the rest is told."""

from functools import cache
from pathlib import Path
from typing import Any

from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from otp_service import sinch
from otp_service.core import limits
from otp_service.core.database import fetch_all

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
_DECIDING = {"database": "up", "migrations": "at head"}
RETRY_AFTER_SECONDS = 5


def check() -> dict[str, Any]:
    """The state of each dependency, and `READY` or `NOT_READY` in all."""
    database, migrations = _database()
    checks = {
        "database": database,
        "migrations": migrations,
        "limiter_store": limits.store_state(),
        "provider_breaker": sinch.get_client().state().value,
    }
    is_ready = all(checks[name] == good for name, good in _DECIDING.items())
    return (
        {"status": "READY", "checks": checks}
        if is_ready
        else {"status": "NOT_READY", "checks": checks, "retry_after": RETRY_AFTER_SECONDS}
    )


def _database() -> tuple[str, str]:
    try:
        fetch_all(text("SELECT 1"))
    except SQLAlchemyError:
        return "down", "unknown"
    try:
        found = {str(row[0]) for row in fetch_all(text("SELECT version_num FROM alembic_version"))}
    except SQLAlchemyError:
        return "up", "missing: run flask db upgrade"
    return "up", "at head" if found == heads() else "behind: run flask db upgrade"


@cache
def heads() -> set[str]:
    """The newest migrations that this code knows."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    return set(ScriptDirectory.from_config(config).get_heads())
