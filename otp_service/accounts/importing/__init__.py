"""Moving users in: reads them from a file or from the first version's database, checks all, then writes all or none."""

from otp_service.accounts.importing.records import Fault, Place, SourceError
from otp_service.accounts.importing.run import Outcome, Plan, Watcher, run
from otp_service.accounts.importing.sources import Source, from_database, from_stream, is_database

__all__ = [
    "Fault",
    "Outcome",
    "Place",
    "Plan",
    "Source",
    "SourceError",
    "Watcher",
    "from_database",
    "from_stream",
    "is_database",
    "run",
]
