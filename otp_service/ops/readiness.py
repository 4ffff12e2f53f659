"""Readiness: the state of each dependency. Only the database and its schema decide; the others degrade the service."""

from functools import cache
from typing import Any

from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from otp_service.core import clock
from otp_service.core.database import outages
from otp_service.core.database.transactions import fetch_all
from otp_service.core.services import services
from otp_service.core.web import draining, request_limits
from otp_service.extensions import MIGRATIONS
from otp_service.jobs import records
from otp_service.ops import database_state

_AHEAD = "ahead: a newer version migrated"
STOPPING = "stopping"
_GOOD = {"server": {"up"}, "database": {database_state.UP}, "migrations": {"at head", _AHEAD}}
RETRY_AFTER_SECONDS = 5


def check() -> dict[str, Any]:
    """Return the state of each dependency, and `READY` or `NOT_READY` as the summary."""
    database, migrations = _database()
    breakers = {name: provider.state().value for name, provider in services().providers.items()}
    checks = {
        "server": STOPPING if draining.is_under_way() else "up",
        "database": database,
        "migrations": migrations,
        "limiter_store": request_limits.store_state(),
        "worker": _worker() if database == database_state.UP else "unknown",
        "provider_breaker": next(iter(breakers.values())),
        "provider_breakers": breakers,
    }
    is_ready = all(checks[name] in good for name, good in _GOOD.items())
    return (
        {"status": "READY", "checks": checks}
        if is_ready
        else {"status": "NOT_READY", "checks": checks, "retry_after": RETRY_AFTER_SECONDS}
    )


def _database() -> tuple[str, str]:
    """Return the states of the database and of its schema."""
    state = database_state.find()
    if not outages.can_be_read(state):
        return state, "unknown"  # a second question would only wait once more
    try:
        found = {str(row[0]) for row in fetch_all(text("SELECT version_num FROM alembic_version"))}
    except ProgrammingError:
        return state, "missing: run flask db upgrade"
    except SQLAlchemyError as error:
        is_missing = not outages.is_unavailable(error)  # SQLite's driver has one class for both
        return state, "missing: run flask db upgrade" if is_missing else "unknown"
    if found == heads():
        return state, "at head"
    # During a rolling upgrade, the old version serves on the schema of the new one: it stays ready.
    return state, "behind: run flask db upgrade" if found <= known() else _AHEAD


def _worker() -> str:
    """Return whether a worker lives. Without one the service answers as ever, but no e-mail leaves."""
    try:
        newest = records.newest_worker()
    except SQLAlchemyError:
        return "unknown"  # the table is missing: the migrations say so
    if newest is None:
        return "never seen: run flask worker"
    now = clock.now()
    return "up" if newest.is_alive(now) else f"away since {newest.seen_at:%Y-%m-%d %H:%M:%S} UTC: run flask worker"


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
