"""otp_service: proves that a person holds a phone, and hands out tokens for it."""

import logging
from typing import TYPE_CHECKING

import click
from flask import Flask

from otp_service.extensions import MIGRATIONS, db, jwt, migrate

if TYPE_CHECKING:
    from config import Config
    from otp_service.sinch import SinchSettings

__version__ = "0.1.0"
log = logging.getLogger(__name__)


def create_app(config: "Config") -> Flask:
    """The application: settings, extensions, error handlers, blueprints, commands. Opens no connection."""
    from otp_service import jobs
    from otp_service.core import logging as logs
    from otp_service.core.database import transactions
    from otp_service.core.web import http, problems, request_limits
    from otp_service.operators import commands
    from otp_service.web import mail_page

    app = http.SynchronousFlask(__name__, instance_path=str(config.instance_dir.absolute()), static_folder=None)
    is_command = click.get_current_context(silent=True) is not None
    logs.configure_logging(level="WARNING" if is_command else config.log_level, form=config.log_format)
    _configure(app, config)
    http.init_http(app, config)
    request_limits.init_limits(app, config)
    db.init_app(app)
    transactions.init_engine(app)
    migrate.init_app(app, db, directory=str(MIGRATIONS), render_as_batch=True)
    jwt.init_app(app)
    problems.register_error_handlers(app)
    _add_clients(app, config)
    _require_keys(app)
    _register_blueprints(app)
    jobs.init_wakeup(app)
    mail_page.init_mail_page(app, config)
    commands.register_commands(app)
    _tell(config)
    return app


def _tell(config: "Config") -> None:
    """Say at start what the settings allow but an operator should know; commands are spared."""
    if click.get_current_context(silent=True) is None:
        log.info("service.starting", extra={"environment": config.app_env, "version": __version__})
        for warning in config.warnings:
            log.warning("settings.warning", extra={"warning": warning})


def _configure(app: Flask, config: "Config") -> None:
    config.instance_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    app.config.update(
        SETTINGS=config,
        VERSION=__version__,
        SQLALCHEMY_DATABASE_URI=config.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(config),
        JWT_ALGORITHM=config.jwt_algorithm,
        JWT_TOKEN_LOCATION=["headers"],
        JWT_COOKIE_CSRF_PROTECT=False,
        JWT_SECRET_KEY=config.jwt_secret,
        JWT_ENCODE_ISSUER=config.jwt_issuer,
        JWT_DECODE_ISSUER=config.jwt_issuer,
        JWT_ENCODE_AUDIENCE=config.jwt_audience,
        JWT_DECODE_AUDIENCE=config.jwt_audience,
    )


def _engine_options(config: "Config") -> dict[str, object]:
    """A request waits 2 seconds for a connection at most; statements in errors carry no values."""
    options: dict[str, object] = {
        "pool_size": config.database_pool_size,
        "max_overflow": 0,
        "pool_timeout": 2,
        "hide_parameters": True,
    }
    if config.database_url.startswith("postgresql"):
        options["connect_args"] = {"connect_timeout": 2, "application_name": "otp_service"}
        options["pool_recycle"] = 1_800
    return options


def _add_clients(app: Flask, config: "Config") -> None:
    """What services reach through the application: the provider, the keys, the bound on password hashes."""
    from otp_service.auth.step_up import requirement_of
    from otp_service.core.background import Background
    from otp_service.core.crypto.hash_slots import HashSlots
    from otp_service.core.crypto.low_priority import LowPriorityThreads
    from otp_service.core.crypto.secrets import Keyring
    from otp_service.core.database.transactions import assert_no_transaction
    from otp_service.core.web.even_timing import Pace
    from otp_service.sessions import signing_keys
    from otp_service.sinch import SinchClient

    app.extensions["keyring"] = Keyring(config.encryption_keys)
    app.extensions["signing_keys"] = signing_keys.from_config(config)
    app.extensions["step_up_requirement"] = requirement_of
    app.extensions["hash_slots"] = HashSlots(
        config.instance_dir / "hash-slots",
        slots=config.password_hash_concurrency,
        max_waiting=config.password_hash_waiting,
        wait_seconds=config.password_hash_wait_seconds,
    )
    app.extensions["hash_threads"] = LowPriorityThreads(config.password_hash_concurrency)
    app.extensions["background"] = Background(app)
    # Half of the threads may wait for a hash, a quarter here: the rest hashes, and serves everything else.
    app.extensions["pace"] = Pace(seconds=config.existence.answer_seconds, places=max(1, config.threads // 4))
    app.extensions["sinch"] = SinchClient(_sinch_settings(config), before_call=assert_no_transaction)


def _sinch_settings(config: "Config") -> "SinchSettings":
    """The client's own settings. Raises ConfigError for what the client cannot work with."""
    from config import ConfigError
    from otp_service.sinch import SinchSettings

    try:
        return SinchSettings(
            key=config.sinch_app_key,
            secret=config.sinch_app_secret,
            base_url=config.sinch_base_url,
            auth="signed" if config.sinch_auth == "signed" else "basic",
            read_timeout_seconds=config.sinch_read_timeout_seconds,
            code_ttl_seconds=config.otp_ttl_seconds,
            failure_threshold=config.sinch_breaker_failures,
        )
    except ValueError as error:
        raise ConfigError([f"SINCH_APP_KEY, SINCH_APP_SECRET, SINCH_AUTH or SINCH_BASE_URL: {error}."]) from error


def _require_keys(app: Flask) -> None:
    """Refuse to serve without a key to sign with; commands are spared, since one of them makes it."""
    from config import ConfigError
    from otp_service.sessions.key_folder import KeyFault

    command = click.get_current_context(silent=True)
    if command is None or command.info_name == "run":
        try:
            app.extensions["signing_keys"].prepare()
        except KeyFault as fault:
            raise ConfigError([f"JWT_ALGORITHM: {fault}."]) from fault


def _register_blueprints(app: Flask) -> None:
    from otp_service.auth.passkey_views import bp as passkeys
    from otp_service.auth.views import bp as auth
    from otp_service.auth.views import email, mfa
    from otp_service.core.web.problems import API_PREFIX
    from otp_service.factors.backup_codes.views import bp as backup_codes
    from otp_service.factors.totp.views import bp as totp
    from otp_service.factors.trusted_devices.views import bp as trusted_devices
    from otp_service.factors.views import bp as factors
    from otp_service.factors.webauthn.views import bp as webauthn
    from otp_service.ops.views import bp as ops
    from otp_service.recovery.views import bp as recovery
    from otp_service.selfservice.views import account, profile
    from otp_service.sessions.views import bp as sessions
    from otp_service.sessions.views import keys_bp as keys
    from otp_service.webhooks.views import bp as webhooks

    for blueprint in (ops, keys, webhooks):
        app.register_blueprint(blueprint)
    for blueprint in (profile, sessions, factors):
        app.register_blueprint(blueprint, url_prefix=API_PREFIX)
    for blueprint in (auth, account, email, mfa, passkeys, recovery, totp, webauthn, backup_codes, trusted_devices):
        app.register_blueprint(blueprint, url_prefix=f"{API_PREFIX}{blueprint.url_prefix}")
