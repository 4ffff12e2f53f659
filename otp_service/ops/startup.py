"""What must hold before the service or the worker starts, and only the database can tell."""

from sqlalchemy.exc import SQLAlchemyError

from otp_service.config import ConfigError
from otp_service.core.database import sealed_columns

WRONG_KEY = "ENCRYPTION_KEY: opens no stored value of {}; it must hold the key that encrypted them."


def require_right_key() -> None:
    """Check that ENCRYPTION_KEY opens what is stored. Raises ConfigError.

    With another key no authenticator app, pending code or unsent e-mail would work, and new values would mix with the
    old ones. A database that is away or not migrated yet is not judged: readiness reports it.
    """
    try:
        unreadable = sealed_columns.find_unreadable()
    except SQLAlchemyError:
        return
    if unreadable:
        raise ConfigError([WRONG_KEY.format(", ".join(unreadable))])
