"""Builds the application: settings, services, extensions, error handlers, routes and commands."""

import logging
import os
from contextlib import suppress

import click
from flask import Blueprint, Flask
from sqlalchemy.engine import make_url

from otp_service import __version__, audit, captcha
from otp_service.accounts.settings import ExistenceSettings
from otp_service.auth import views as auth_views
from otp_service.auth.step_up import requirement_of
from otp_service.backends.tokens import views as token_views
from otp_service.backends.users import views as backend_user_views
from otp_service.backends.verifications import views as backend_verification_views
from otp_service.config import Config, ConfigError
from otp_service.config.server import DEVELOPMENT_IS_OPEN, may_not_listen
from otp_service.core import logging as logs
from otp_service.core import services
from otp_service.core.background import Background
from otp_service.core.crypto import hashing
from otp_service.core.crypto.hash_slots import HashSlots, LowPriorityThreads
from otp_service.core.crypto.secrets import Keyring
from otp_service.core.database import transactions
from otp_service.core.database.bounded import Waits
from otp_service.core.services import Services
from otp_service.core.web import headers, problems, request_limits
from otp_service.core.web.even_timing import EvenTiming
from otp_service.core.web.limit_store import LimitStore
from otp_service.core.web.problems import API_PREFIX
from otp_service.extensions import MIGRATIONS, db, jwt, migrate
from otp_service.factors import views as factor_views
from otp_service.factors.registry import FACTORS
from otp_service.factors.trusted_devices import views as trusted_device_views
from otp_service.operators import commands
from otp_service.ops import views as ops_views
from otp_service.recovery import views as recovery_views
from otp_service.selfservice import views as selfservice_views
from otp_service.sessions import signing_keys
from otp_service.sessions import views as session_views
from otp_service.sessions.key_folder import KeyFault
from otp_service.verifications import registry
from otp_service.verifications.settings import DeliverySettings
from otp_service.web import mail_page, pages
from otp_service.webhooks import views as webhook_views

log = logging.getLogger(__name__)

COMMAND_STATEMENT_SECONDS = 60.0
COMMAND_LOCK_SECONDS = 10.0

AT_THE_ROOT: tuple[Blueprint, ...] = (ops_views.bp, session_views.keys_bp, token_views.at_root, webhook_views.bp)
UNDER_THE_API: tuple[Blueprint, ...] = (
    selfservice_views.profile,
    session_views.bp,
    factor_views.bp,
    auth_views.bp,
    selfservice_views.account,
    auth_views.email,
    auth_views.mfa,
    *auth_views.alone,
    recovery_views.bp,
    *(factor.blueprint for factor in FACTORS if factor.blueprint is not None),
    trusted_device_views.bp,
    backend_user_views.bp,
    token_views.bp,
    backend_verification_views.bp,
)


def create_app(config: Config) -> Flask:
    """Build the application. Opens no connection. Raises ConfigError for settings that do not work together."""
    app = headers.SynchronousFlask(__name__, instance_path=str(config.instance_dir.absolute()), static_folder=None)
    command = click.get_current_context(silent=True)
    logs.configure_logging(level="WARNING" if command else config.server.log_level, form=config.server.log_format)
    _configure(app, config)
    services.install(app, _services(app, config))
    server = config.server
    pages.init_pages(app, config)
    # In this order: hooks that are registered first run last, so the access log sees the finished response.
    headers.init_http(
        app,
        trusted_proxies=server.trusted_proxy_count,
        origins=server.frontend_origins,
        with_credentials=server.frontend_credentials,
        public_path=server.public_path,
    )
    request_limits.init_limits(app, enabled=config.limits.enabled)
    db.init_app(app)
    is_serving = command is None or command.info_name == "run"
    transactions.init_engine(app, _waits(config, is_serving=is_serving))
    with app.app_context():
        services.services().audit_keys.follow(db.engine)
    migrate.init_app(app, db, directory=str(MIGRATIONS), render_as_batch=True)
    jwt.init_app(app)
    problems.register_error_handlers(app)
    for blueprint in AT_THE_ROOT:
        app.register_blueprint(blueprint)
    for blueprint in UNDER_THE_API:
        app.register_blueprint(blueprint, url_prefix=f"{API_PREFIX}{blueprint.url_prefix or ''}")
    mail_page.init_mail_page(app, config)
    commands.register_commands(app)
    if is_serving:
        _require_signing_key(app)  # other commands do not sign; one of them makes the key
    if command is not None and command.info_name == "run":
        _require_loopback(str(command.params.get("host", "")), config)
    if command is None:
        _log_start(config)
    return app


def _configure(app: Flask, config: Config) -> None:
    config.instance_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    _make_database_file(make_url(config.stores.database_url).database if config.stores.is_sqlite else None)
    tokens = config.tokens
    app.config.update(
        VERSION=__version__,
        SQLALCHEMY_DATABASE_URI=config.stores.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(config),
        JWT_ALGORITHM=tokens.algorithm,
        JWT_TOKEN_LOCATION=["headers"],
        JWT_COOKIE_CSRF_PROTECT=False,
        JWT_SECRET_KEY=tokens.secret,
        JWT_ENCODE_ISSUER=tokens.issuer,
        JWT_ENCODE_AUDIENCE=tokens.audience,
    )


def _make_database_file(path: str | None) -> None:
    """Make SQLite's file readable by its owner alone: SQLite would make it readable by all, in whatever folder it is.

    SQLite gives its journal the mode of the database.
    """
    if path and path != ":memory:":
        # Never opened if it exists: to close it would take the locks from connections of this process (SQLite, "How To
        # Corrupt An SQLite Database File", 2.2). Any other error meets the first connection, which reports it.
        with suppress(OSError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _engine_options(config: Config) -> dict[str, object]:
    options: dict[str, object] = {
        "pool_size": config.stores.pool_size,
        "max_overflow": 0,
        "pool_timeout": 1,  # seconds; then the client gets 503 and may try again
        "hide_parameters": True,  # a statement in an error must not show its values
    }
    if not config.stores.is_sqlite:
        options["connect_args"] = config.stores.connection_options
        options["pool_recycle"] = 1_800
        options["use_native_hstore"] = False  # to look for that type is a query for each connection
    return options


def _waits(config: Config, *, is_serving: bool) -> Waits:
    """Return how long to wait for the database. No client waits for a command or the worker, so they have longer."""
    stores = config.stores
    if is_serving:
        return Waits(connect=stores.connect_seconds, statement=stores.statement_seconds, lock=stores.lock_seconds)
    return Waits(
        connect=stores.connect_seconds,
        statement=max(stores.statement_seconds, COMMAND_STATEMENT_SECONDS),
        lock=max(stores.lock_seconds, COMMAND_LOCK_SECONDS),
    )


def _services(app: Flask, config: Config) -> Services:
    passwords = config.passwords
    return Services(
        settings=config,
        keyring=Keyring(config.encryption_keys),
        audit_keys=audit.SubjectKeys(),
        signing_keys=signing_keys.from_config(config),
        requirement_of=requirement_of,
        hash_slots=HashSlots(
            config.instance_dir / "hash-slots",
            slots=passwords.hash_concurrency,
            max_waiting=passwords.hash_waiting,
            wait_seconds=passwords.hash_wait_seconds,
            cost=passwords.salt_rounds,
            guess_seconds=lambda: hashing.estimate_seconds(passwords.salt_rounds),
        ),
        hash_threads=LowPriorityThreads(passwords.hash_concurrency),
        even_timing=EvenTiming(seconds=config.of(ExistenceSettings).answer_seconds),
        background=Background(app),
        limit_store=LimitStore(config.stores.redis_url, prefix=config.stores.redis_prefix),
        providers={
            name: registry.kind_of(name).connect(config, transactions.assert_no_transaction)
            for name in config.of(DeliverySettings).providers
        },
        captcha=captcha.connect(config, transactions.assert_no_transaction),
    )


def _require_signing_key(app: Flask) -> None:
    try:
        services.services_of(app).signing_keys.prepare()
    except KeyFault as fault:
        raise ConfigError([f"JWT_ALGORITHM: {fault}."]) from fault


def _require_loopback(host: str, config: Config) -> None:
    """Check the address of `flask run --host`; gunicorn's is a setting."""
    if may_not_listen(host, config.is_production, config.server.is_open_development):
        raise ConfigError([f"--host: holds {host!r}; it must be 127.0.0.1 in development: {DEVELOPMENT_IS_OPEN}."])


def _log_start(config: Config) -> None:
    log.info("service.starting", extra={"environment": config.app_env, "version": __version__})
    for warning in config.warnings:
        log.warning("settings.warning", extra={"warning": warning})
