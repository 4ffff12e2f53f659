"""Readiness: the state of each dependency. Only the database and its schema decide; the others degrade the service."""

from functools import cache
from typing import Any

from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from otp_service import sinch
from otp_service.core.database.transactions import fetch_all
from otp_service.core.web import request_limits
from otp_service.extensions import MIGRATIONS

_AHEAD = "ahead: a newer version migrated"
_GOOD = {"database": {"up"}, "migrations": {"at head", _AHEAD}}
RETRY_AFTER_SECONDS = 5


def check() -> dict[str, Any]:
    """Return the state of each dependency, and `READY` or `NOT_READY` as the summary."""
    database, migrations = _database()
    checks = {
        "database": database,
        "migrations": migrations,
        "limiter_store": request_limits.store_state(),
        "provider_breaker": sinch.get_client().state().value,
    }
    is_ready = all(checks[name] in good for name, good in _GOOD.items())
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
    if found == heads():
        return "up", "at head"
    # During a rolling upgrade, the old version serves on the schema of the new one: it stays ready.
    return "up", "behind: run flask db upgrade" if found <= known() else _AHEAD


@cache  # the migrations are part of the code: they do not change while it runs
def heads() -> set[str]:
    """Return the newest migrations that this code knows."""
    return set(_scripts().get_heads())


@cache
def known() -> set[str]:
    """Return all migrations that this code knows."""
    return {script.revision for script in _scripts().walk_revisions()}


def _scripts() -> ScriptDirectory:
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config)
