"""Records what people without an account do: one event for each kind, address and hour, in words of our own."""

import logging
from datetime import datetime
from typing import Any

from otp_service.audit.trail import record
from otp_service.core import allowances
from otp_service.core.addresses import network_of
from otp_service.core.allowances import HOUR
from otp_service.core.crypto.secrets import keyring
from otp_service.core.web.tracing import ClientInfo

log = logging.getLogger("otp_service.audit")


def record_strangers(event: str, *, client: ClientInfo, at: datetime, **facts: Any) -> None:
    """Append the first event of its kind from an address in an hour, in the open transaction; log each of them.

    The event says how many there were in the hour before. It has neither the agent nor other text of the stranger: else
    anyone could fill the trail with what they like.
    """
    subject = keyring().digest(f"{event} {network_of(client.ip)}", purpose="audit counter: address")
    number, before = allowances.count_up("audit of strangers", subject, HOUR, now=at)
    if number > 1:
        log.info(event, extra={"userId": None, "ip": client.ip, **facts})
        return
    known = {name: value for name, value in facts.items() if isinstance(value, int)}
    nameless = ClientInfo(ip=client.ip, agent="", request_id=None)
    record(event, user_id=None, client=nameless, at=at, **known, **({"inTheHourBefore": before} if before else {}))
