"""Groups of commands under `flask` that end with one line, not with a trace, when something expected stops them."""

import logging
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.exc import OperationalError, ProgrammingError

from otp_service.core.errors import ServiceError

log = logging.getLogger(__name__)


class CommandGroup(AppGroup):
    """Exit code 1 and one line on standard error for what services raise, and for a database that cannot be used."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named. Raises click.ClickException."""
        try:
            return super().invoke(ctx)
        except ServiceError as error:
            raise click.ClickException(error.detail) from error
        except (OperationalError, ProgrammingError) as error:
            log.debug("command.failed", exc_info=error)
            reason = str(error.orig).partition("\n")[0]
            remedy = "Is it running, is DATABASE_URL right, is it migrated (flask db upgrade)? Ask: flask doctor"
            raise click.ClickException(f"The database cannot be used: {reason}\n{remedy}") from error
