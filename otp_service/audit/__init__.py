"""The audit trail: append-only events, each written in the transaction of the act that it records."""

from otp_service.audit.settings import AuditSettings, read_audit
from otp_service.audit.strangers import record_strangers
from otp_service.audit.trail import (
    COMMAND_LINE,
    PAGE,
    SERVICE,
    Event,
    append,
    carry,
    events_of,
    forget,
    has_happened,
    personal_data,
    record,
    redact,
    redact_verification,
)

__all__ = [
    "COMMAND_LINE",
    "PAGE",
    "SERVICE",
    "AuditSettings",
    "Event",
    "append",
    "carry",
    "events_of",
    "forget",
    "has_happened",
    "personal_data",
    "read_audit",
    "record",
    "record_strangers",
    "redact",
    "redact_verification",
]
