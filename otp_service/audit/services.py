"""Writes events. Nothing here changes or deletes one."""

import logging
from datetime import datetime
from typing import Any

from sqlalchemy import insert

from otp_service.audit.models import AuditEvent
from otp_service.core.database import execute
from otp_service.core.tracing import ClientInfo

log = logging.getLogger("otp_service.audit")
COMMAND_LINE = ClientInfo(ip="", agent="command line")


def record(event: str, *, user_id: int | None, client: ClientInfo, at: datetime, **facts: Any) -> None:
    """Append an event inside the open transaction and tell the log. `facts` are JSON values without secrets."""
    execute(
        insert(AuditEvent).values(
            at=at,
            event=event,
            user_id=user_id,
            ip=client.ip,
            agent=client.agent,
            request_id=client.request_id,
            facts=facts,
        )
    )
    log.info(event, extra={"userId": user_id, "ip": client.ip, **facts})
