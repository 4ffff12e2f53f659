"""What the role of the database may do to the trail beyond what the service needs (docs/audit.md, Grants)."""

from sqlalchemy import select, text

from otp_service.audit import bases
from otp_service.audit.models import AuditEvent
from otp_service.core.database.transactions import fetch_all, fetch_one
from otp_service.extensions import db

UNNEEDED = {
    "audit_events": ("UPDATE", "DELETE", "TRUNCATE"),
    "audit_heads": ("DELETE", "TRUNCATE"),
    "audit_bases": ("UPDATE", "DELETE", "TRUNCATE"),
}
"""The rights that only the owner of the tables and the role that deletes old events need."""

_HAS_RIGHT = text("SELECT has_table_privilege(current_user, :table_name, :right_name)")


def excessive() -> list[str]:
    """Return what the role may do and need not, such as `UPDATE, DELETE audit_events`. SQLite has no roles."""
    if db.engine.dialect.name != "postgresql":
        return []
    found = {
        table: [right for right in rights if fetch_all(_HAS_RIGHT, {"table_name": table, "right_name": right})[0][0]]
        for table, rights in UNNEEDED.items()
    }
    return [f"{', '.join(rights)} {table}" for table, rights in found.items() if rights]


def has_events_outside() -> bool:
    """Whether the oldest event is from before there were chains, and may be adopted."""
    oldest = fetch_one(select(AuditEvent.shard).order_by(AuditEvent.id).limit(1))
    return oldest is not None and oldest.shard is None and not bases.is_noted()
