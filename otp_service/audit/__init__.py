"""The audit trail: append-only events, each written in the transaction of the act that it records."""

from otp_service.audit.pruning import forget
from otp_service.audit.settings import AuditSettings, read_audit
from otp_service.audit.signers import keep_signers
from otp_service.audit.strangers import record_strangers
from otp_service.audit.subject_keys import SubjectKeys
from otp_service.audit.trail import (
    COMMAND_LINE,
    PAGE,
    SERVICE,
    Entry,
    Event,
    append,
    carry,
    entries,
    erase_person,
    erase_verification,
    events_of,
    find_entry,
    has_happened,
    newest_id,
    personal_data,
    record,
    record_erasure,
    record_for_each,
)

__all__ = [
    "COMMAND_LINE",
    "PAGE",
    "SERVICE",
    "AuditSettings",
    "Entry",
    "Event",
    "SubjectKeys",
    "append",
    "carry",
    "entries",
    "erase_person",
    "erase_verification",
    "events_of",
    "find_entry",
    "forget",
    "has_happened",
    "keep_signers",
    "newest_id",
    "personal_data",
    "read_audit",
    "record",
    "record_erasure",
    "record_for_each",
    "record_strangers",
]
