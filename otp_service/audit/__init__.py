"""The audit trail: append-only events, each written in the transaction of the act that it records."""

from otp_service.audit.settings import AuditSettings, read_audit
from otp_service.audit.strangers import record_strangers
from otp_service.audit.trail import (
    COMMAND_LINE,
    PAGE,
    SERVICE,
    Entry,
    Event,
    append,
    carry,
    entries,
    events_of,
    find_entry,
    forget,
    has_happened,
    newest_id,
    personal_data,
    record,
    record_for_each,
    redact,
    redact_verification,
)

__all__ = [
    "COMMAND_LINE",
    "PAGE",
    "SERVICE",
    "AuditSettings",
    "Entry",
    "Event",
    "append",
    "carry",
    "entries",
    "events_of",
    "find_entry",
    "forget",
    "has_happened",
    "newest_id",
    "personal_data",
    "read_audit",
    "record",
    "record_for_each",
    "record_strangers",
    "redact",
    "redact_verification",
]
