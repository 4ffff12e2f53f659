"""Imports users from a file or from the first version's database: validates all, then writes all or none."""

from otp_service.accounts.importing.rows import Fault, Place, SourceError
from otp_service.accounts.importing.run import Observer, Outcome, Plan, run
from otp_service.accounts.importing.sources import Source, from_database, from_stream, is_database

__all__ = [
    "Fault",
    "Observer",
    "Outcome",
    "Place",
    "Plan",
    "Source",
    "SourceError",
    "from_database",
    "from_stream",
    "is_database",
    "run",
]
