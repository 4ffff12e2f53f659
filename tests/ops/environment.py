"""Settings of an application that stands on nothing: every server that it needs is away."""

from pathlib import Path

from flask import Flask

from otp_service.core.services import services_of
from tests.servers import free_port


def forsaken(instance: Path) -> dict[str, str]:
    """Name real servers over some of these."""
    return {
        "APP_ENV": "development",
        "INSTANCE_DIR": str(instance),
        "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{free_port()}/nowhere",
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "SINCH_BASE_URL": f"http://127.0.0.1:{free_port()}",
        "SINCH_BREAKER_FAILURES": "1",
        "LOG_FORMAT": "json",
        "WEB_CONCURRENCY": "1",
    }


def leave_redis(app: Flask) -> None:
    """Close the connections of an application that counts in Redis."""
    shared = services_of(app).limit_store.shared
    assert shared is not None
    shared.storage.close()
