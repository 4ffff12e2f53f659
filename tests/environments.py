"""Settings as tests give them, what is read from them, and what an application holds in place of its own."""

import base64
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from config import Config, ConfigError
from otp_service.core.services import install, services_of
from otp_service.sinch import SINCH, get_client
from otp_service.sinch.adapter import SinchProvider
from otp_service.sinch.client import SinchClient

RANDOM = hashlib.sha256(b"for tests alone").digest()
PRODUCTION = {
    "APP_ENV": "production",
    "DATABASE_URL": "postgresql://otp:Hidden-7-pw@db.internal/otp",
    "JWT_SECRET": RANDOM.hex(),
    "ENCRYPTION_KEY": base64.b64encode(RANDOM).decode(),
    "SINCH_APP_KEY": "669e367e-6bba-48ab-af15-266871c28135",
    "SINCH_APP_SECRET": "BeIukql3pTKJ8RGL5zo0DA==",
    "SMS_COUNTRIES": "US",
    "TRUSTED_PROXY_COUNT": "1",
    "REDIS_URL": "redis://:Hidden-8-pw@cache.internal/0",
    "SMTP_URL": "smtps://otp:Hidden-9-pw@mail.internal",
    "FRONTEND_URL": "https://app.example.com",
    "MAIL_FROM": "Example <no-reply@example.com>",
    "SPEND_PER_DAY": "100",
    "SPEND_ALERT_EMAIL": "ops@example.com",
}
"""All that production needs, without a warning."""


def load(folder: Path, **settings: str) -> Config:
    """Read settings; the instance folder is `folder`."""
    return Config.from_env({"INSTANCE_DIR": str(folder), **settings})


def refuse(folder: Path, **settings: str) -> list[str]:
    """The lines of a refused start."""
    with pytest.raises(ConfigError) as refused:
        load(folder, **settings)
    return refused.value.faults


def give(app: Flask, **services: Any) -> None:
    """Let the application hold others of its services."""
    install(app, replace(services_of(app), **services))


def give_sinch(app: Flask, client: SinchClient) -> None:
    """Let the application call Sinch by another client."""
    give(app, providers={**services_of(app).providers, SINCH.name: SinchProvider(client)})


def sinch_client_of(app: Flask) -> SinchClient:
    """The client by which the application calls Sinch."""
    with app.app_context():
        return get_client()
