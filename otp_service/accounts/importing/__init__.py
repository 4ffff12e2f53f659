"""Imports users from a file or from the first version's database: validates all, then writes all or none."""

from otp_service.accounts.importing.columns import Fault, SourceError
from otp_service.accounts.importing.run import Outcome, Plan, run
from otp_service.accounts.importing.sources import Source, from_database, from_stream, is_database

__all__ = [
    "Fault",
    "Outcome",
    "Plan",
    "Source",
    "SourceError",
    "from_database",
    "from_stream",
    "is_database",
    "run",
]
