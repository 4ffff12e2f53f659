"""Examines an installation: what every part of it needs, and what to do about each fault."""

import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, cast
from urllib.parse import urlsplit

import redis
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from otp_service import sinch
from otp_service.audit import grants
from otp_service.backends.tokens import metadata
from otp_service.core import clock, cores, redis_pool
from otp_service.core.calls.errors import Refused, Unavailable
from otp_service.core.crypto import hashing
from otp_service.core.database import database_clock, sealed_columns
from otp_service.core.database.transactions import fetch_all, fetch_one
from otp_service.core.services import services, settings
from otp_service.extensions import db
from otp_service.hooks import troubles
from otp_service.http_gateway import HTTP_GATEWAY, GatewayProvider, GatewaySettings
from otp_service.jobs import JOBS, records
from otp_service.mail import transport
from otp_service.mail.settings import MailSettings
from otp_service.ops import database_state
from otp_service.ops.readiness import heads, known
from otp_service.verifications.settings import DeliverySettings

SLOW_HASH_SECONDS = 1.0
MEASURABLE_SKEW_SECONDS = 0.1
CLOCK_SKEW_FAILED_SECONDS = 30  # the time step of an authenticator app
REDIS_TIMEOUT_SECONDS = 2
GRACE = timedelta(minutes=10)  # for a job that takes long, or failed once

_SET_CLOCK = "Synchronize the clocks of this machine and of the database (NTP)."

_CONNECTIONS_ALLOWED = (
    "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
)
_WAIT = "Look into the log of the database server."
_REMEDIES = {
    "read-only": "Point DATABASE_URL at the primary server, or free its disk (docs/operations.md, Failover).",
    "locked": "End the session that holds the lock: SELECT pg_blocking_pids(pid), query FROM pg_stat_activity.",
    "wrong encoding": "Create a new database with ENCODING 'UTF8' TEMPLATE template0, and load a dump into it.",
    "disk full": "Free or enlarge the disk of the database.",
    "too many connections": "Lower DATABASE_POOL_SIZE or WEB_CONCURRENCY, or raise max_connections.",
}

_VERSIONS = {
    "postgresql": "SELECT 'PostgreSQL ' || current_setting('server_version')",
    "sqlite": "SELECT 'SQLite ' || sqlite_version()",
}


class Health(StrEnum):
    """The result of a check. Only `FAILED` keeps the service from working."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `remedy` says what an operator can do; it is missing only when all is well."""

    name: str
    health: Health
    detail: str
    remedy: str | None = None


def examine() -> Iterator[Finding]:
    """Run every check and yield each finding as soon as it is known."""
    for name, check in _CHECKS.items():
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001 - one broken check must not hide the findings of the others
            detail = f"could not be checked ({type(error).__name__}: {error})"
            yield _failed(name, detail, "This is a bug in the service. Please report it.")


def rate_hashing(seconds: float, *, cores: int) -> Finding:
    """Judge the time that one password hash takes, and estimate how many people can sign in per second."""
    config = settings()
    at_once = min(config.passwords.hash_concurrency, cores)
    detail = (
        f"bcrypt at cost {config.passwords.salt_rounds} takes {seconds * 1000:.0f} ms, {at_once} at once on "
        f"{cores} cores: about {at_once / seconds:.1f} sign-ins a second"
    )
    if seconds > SLOW_HASH_SECONDS:
        return _warning("hashing", detail, "Lower PASSWORD_SALT_ROUNDS (10 or more), or use a faster machine.")
    if config.passwords.hash_concurrency > cores:
        remedy = f"Set PASSWORD_HASH_CONCURRENCY to {cores}: more at once only slow each other down."
        return _warning("hashing", detail, remedy)
    return _ok("hashing", detail)


def _check_settings() -> Iterator[Finding]:
    """Report the warnings. With an invalid setting, no command starts, so there is none to report here."""
    config = settings()
    yield _ok(
        "settings",
        f"{config.app_env}, security profile {config.security_profile}, {config.sign_in.mfa_policy} MFA policy",
    )
    for message in config.warnings:
        yield _warning("settings", message, "Set it, or accept the consequence.")


def _check_tokens() -> Iterator[Finding]:
    """Check that libraries of other services can use the metadata of this one."""
    tokens = settings().tokens
    fault = metadata.fault()
    if fault is None:
        yield _ok("tokens", f"signed with {tokens.algorithm}, issuer {tokens.issuer}")
    else:
        yield _warning("tokens", *fault)


def _check_instance() -> Iterator[Finding]:
    folder = settings().instance_dir
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0")
    except OSError as error:
        remedy = "Give the user of the service write access, or set INSTANCE_DIR to another folder."
        yield _failed("instance folder", f"{folder} is not writable ({error.strerror})", remedy)
        return
    yield _ok("instance folder", f"{folder} is writable")


def _check_database() -> Iterator[Finding]:
    """Check that the database responds and can be written, then its clock and its schema."""
    place = settings().stores.place
    try:
        server = _scalar(_VERSIONS[db.engine.dialect.name])
        before = clock.now()
        theirs = database_clock.read()
        after = clock.now()
    except SQLAlchemyError as error:
        remedy = "Start it, or fix DATABASE_URL, the permissions or the network."
        yield _failed("database", f"{place}: {_reason(error)}", remedy)
        for name in ("clock", "migrations", "connections"):
            yield _warning(name, "not checked: the database is unavailable", "Run this again when it is back.")
        return
    if (state := database_state.find()) == database_state.UP:
        yield _ok("database", f"{server} at {place}")
    else:
        remedy = next((remedy for start, remedy in _REMEDIES.items() if state.startswith(start)), _WAIT)
        yield _failed("database", f"{server} at {place} is {state}", remedy)
    yield _compare_clocks(theirs, before, after)
    yield _compare_schemas()
    yield from _compare_pools()


def _compare_clocks(theirs: datetime, before: datetime, after: datetime) -> Finding:
    """Compare the clocks. The database read its time between `before` and `after`, so only the rest is skew."""
    skew = max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0)
    direction = "behind" if theirs < before else "ahead of"
    if skew > CLOCK_SKEW_FAILED_SECONDS:
        return _failed("clock", f"the database's is {skew:.0f} s {direction} this machine's", _SET_CLOCK)
    # Every machine differs from the database: two machines may be twice as far apart, and that uses up the leeway.
    if skew > max(MEASURABLE_SKEW_SECONDS, settings().tokens.clock_leeway_seconds / 2):
        return _warning("clock", f"the database's is {skew:.1f} s {direction} this machine's", _SET_CLOCK)
    return _ok("clock", f"{skew:.1f} s apart from the database's")


def _compare_schemas() -> Finding:
    """Compare the schema with the one that this code needs."""
    wanted = ", ".join(sorted(heads()))
    try:
        found = sorted(str(row[0]) for row in fetch_all(text("SELECT version_num FROM alembic_version")))
    except SQLAlchemyError:
        return _failed("migrations", f"there are no tables; this code needs version {wanted}", "Run: flask db upgrade")
    if set(found) == heads():
        return _ok("migrations", f"at head ({wanted})")
    if not set(found) <= known():
        detail = f"at version {', '.join(found)}, which is newer than this code's {wanted}"
        return _warning("migrations", detail, "Expected during a rolling upgrade. Then install the newer version.")
    detail = f"at version {', '.join(found) or 'none'}; this code needs {wanted}"
    return _failed("migrations", detail, "Run: flask db upgrade")


def _check_redis() -> Iterator[Finding]:
    url, prefix = settings().stores.redis_url, settings().stores.redis_prefix
    if url is None:
        yield _ok("redis", "REDIS_URL is not set: each worker counts requests on its own")
        return
    place = redis_pool.place_of(url)
    pool = redis_pool.open_pool(url, timeout_seconds=REDIS_TIMEOUT_SECONDS)
    try:
        client = redis.Redis(connection_pool=pool)
        client.set(f"{prefix}:doctor", "1", ex=1)
        facts: Any = client.info("server")
    except (redis.RedisError, ValueError, OSError) as error:
        remedy = "Start it, or fix REDIS_URL. Until then each worker counts requests on its own."
        yield _failed("redis", f"{place}: {type(error).__name__}", remedy)
        return
    finally:
        pool.disconnect()
    name = "Valkey" if facts.get("valkey_version") else "Redis"
    yield _ok("redis", f"{name} {facts.get('valkey_version') or facts.get('redis_version')} at {place}")


def _check_worker() -> Iterator[Finding]:
    """Check that a worker lives, and that the jobs which one worker runs at a time do run."""
    try:
        living, newest, ended = records.living_workers(), records.newest_worker(), records.last_runs()
    except SQLAlchemyError:
        yield _warning("worker", "not checked: the database is unavailable", "Run this again when it is back.")
        return
    if not living:
        seen = f"none since {newest.seen_at:%Y-%m-%d %H:%M:%S} UTC" if newest else "none was ever seen"
        remedy = "Run `flask worker` next to the service. Until then no e-mail leaves, and no old row is deleted."
        yield _warning("worker", seen, remedy)
        return
    detail = ", ".join(f"{worker.host} (process {worker.pid})" for worker in living)
    late = [
        job.name for job in JOBS
        if (last := ended.get(job.name)) and clock.now() - last > timedelta(seconds=job.every_seconds) + GRACE
    ]  # fmt: skip
    if late:
        yield _warning("worker", f"{detail}; late: {', '.join(late)}", "Look for job.failed in the worker's log.")
        return
    yield _ok("worker", detail)


def _check_encryption() -> Iterator[Finding]:
    """Check that ENCRYPTION_KEY opens what is stored: each table's values, as far as a sample tells."""
    try:
        unreadable = sealed_columns.find_unreadable()
    except SQLAlchemyError:
        yield _warning("encryption", "not checked: the database is unavailable", "Run this again when it is back.")
        return
    if unreadable:
        remedy = "Set ENCRYPTION_KEY to the key that encrypted them, with the newest first if there are several."
        yield _failed("encryption", f"no key opens the values of {', '.join(unreadable)}", remedy)
        return
    yield _ok("encryption", "ENCRYPTION_KEY opens the stored values")


def _check_audit() -> Iterator[Finding]:
    """Check that this role cannot change the trail that it writes. Small set-ups have one role, and go without."""
    try:
        found = grants.excessive()
        is_outside = grants.has_events_outside()
    except SQLAlchemyError:
        yield _warning("audit", "not checked: the database is unavailable", "Run this again when it is back.")
        return
    if is_outside:
        yield _warning("audit", "events older than the chains can be changed unnoticed", "Run once: flask audit adopt")
    if found and settings().is_production:
        remedy = "Give the service a role of its own, with the grants of docs/audit.md. Until then, publish heads."
        yield _warning("audit", f"this role may {'; '.join(found)}", remedy)
    elif db.engine.dialect.name != "postgresql":
        yield _ok("audit", "SQLite has no roles: an account that can write the file can change the trail")
    else:
        yield _ok("audit", f"this role may {'; '.join(found)}" if found else "this role cannot change what it recorded")


def _check_hooks() -> Iterator[Finding]:
    """Check that events reach the receivers: none was given up or waits for long, and no address is refused."""
    try:
        found = troubles.find()
    except SQLAlchemyError:
        yield _warning("hooks", "not checked: the database is unavailable", "Run this again when it is back.")
        return
    if found:
        remedy = "See: flask hooks deliveries. Then: flask hooks redeliver --dead, enable or delete."
        yield _warning("hooks", "; ".join(found), remedy)
        return
    yield _ok("hooks", "no event waits for long, and none was given up")


def _check_mail() -> Iterator[Finding]:
    """Connect and sign in to the mail server. No message is sent."""
    mail = settings().of(MailSettings)
    if mail.server is None:
        yield _ok("mail", "no mail server is set" if settings().is_production else "no mail server: see /mail")
        return
    place = f"{mail.server.host}:{mail.server.port}"
    try:
        transport.probe(mail.server, sender=mail.sender)
    except transport.NotSent as error:
        remedy = "Start it, or fix SMTP_URL, its user and password, SMTP_TLS, SMTP_CA_FILE or the firewall."
        yield _failed("mail", f"{place}: {error.reason}", remedy)
        return
    yield _ok("mail", f"{place} accepts the connection")


def _compare_pools() -> Iterator[Finding]:
    """Compare the connections that all processes of this machine may open with those that PostgreSQL allows."""
    if db.engine.dialect.name != "postgresql":
        yield _ok("connections", "SQLite has no limit")
        return
    config = settings()
    # One more than there are workers: `flask worker` has a pool, too.
    wanted = (config.server.workers + 1) * config.stores.pool_size
    allowed = int(str(_scalar(_CONNECTIONS_ALLOWED)))
    detail = f"up to {wanted} of this machine (WEB_CONCURRENCY and a worker, times DATABASE_POOL_SIZE)"
    if wanted > allowed:
        remedy = f"Set DATABASE_POOL_SIZE to {max(1, allowed // (config.server.workers + 1))}, raise max_connections, "
        remedy += "or put PgBouncer between. Several machines share the limit."
        yield _warning("connections", f"{detail}; the server allows {allowed}", remedy)
        return
    yield _ok("connections", f"{detail} of the {allowed} that the server allows")


def _check_sinch() -> Iterator[Finding]:
    """Ask for a verification that cannot exist. "Not found" shows that the credentials are valid, and costs nothing."""
    if sinch.SINCH.name not in settings().of(DeliverySettings).providers:
        return
    place = urlsplit(settings().sinch.base_url).netloc or settings().sinch.base_url
    try:
        sinch.get_client().status_by_reference(str(uuid.uuid4()))
    except sinch.VerificationNotFound:
        yield _ok("sinch", f"{place} accepts the credentials")
    except sinch.BadCredentials as error:
        remedy = "Copy SINCH_APP_KEY and SINCH_APP_SECRET from the dashboard. Check the clock of this machine."
        yield _failed("sinch", f"{place} rejects the credentials ({error.error_code})", remedy)
    except Refused as error:
        remedy = "Check the app in the Sinch dashboard (minimum authorization level, credit)."
        yield _failed("sinch", f"{place} rejects the request ({type(error).__name__}, {error.error_code})", remedy)
    except Unavailable as error:
        remedy = "Check SINCH_BASE_URL, the network and the firewall. Without an account: flask simulator run"
        yield _failed("sinch", f"{place}: {error.detail}", remedy)
    else:
        yield _ok("sinch", f"{place} accepts the credentials")


def _check_gateway() -> Iterator[Finding]:
    """Send a HEAD request: any response shows that the gateway can be reached. No message is sent."""
    gateway = services().providers.get(HTTP_GATEWAY.name)
    if gateway is None:
        return
    place = urlsplit(settings().of(GatewaySettings).url or "").netloc
    try:
        status = cast(GatewayProvider, gateway).client.probe()
    except Unavailable as error:
        remedy = "Check HTTP_GATEWAY_URL, HTTP_GATEWAY_CA_FILE, the network and the firewall."
        yield _failed("http gateway", f"{place}: {error.detail}", remedy)
        return
    yield _ok("http gateway", f"{place} responds (HTTP {status} to HEAD; no message was sent)")


def _check_hashing() -> Iterator[Finding]:
    started = time.perf_counter()
    hashing.hash_password("as good as any", cost=settings().passwords.salt_rounds)
    yield rate_hashing(time.perf_counter() - started, cores=cores.available())


def _scalar(statement: str) -> object:
    row = fetch_one(text(statement))
    return row[0] if row else None


def _reason(error: SQLAlchemyError) -> str:
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return " ".join(lines[0].split()) if lines else type(error).__name__


def _ok(name: str, detail: str) -> Finding:
    return Finding(name, Health.OK, detail)


def _warning(name: str, detail: str, remedy: str) -> Finding:
    return Finding(name, Health.WARNING, detail, remedy)


def _failed(name: str, detail: str, remedy: str) -> Finding:
    return Finding(name, Health.FAILED, detail, remedy)


_CHECKS: dict[str, Callable[[], Iterator[Finding]]] = {
    "settings": _check_settings,
    "tokens": _check_tokens,
    "instance folder": _check_instance,
    "database": _check_database,
    "redis": _check_redis,
    "encryption": _check_encryption,
    "mail": _check_mail,
    "audit": _check_audit,
    "hooks": _check_hooks,
    "worker": _check_worker,
    "sinch": _check_sinch,
    "http gateway": _check_gateway,
    "hashing": _check_hashing,
}
