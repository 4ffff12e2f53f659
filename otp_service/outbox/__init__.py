"""E-mails on their way: written in the transaction of the act that they report, sent after its commit (ADR 12)."""

from otp_service.outbox.content import Opened, read
from otp_service.outbox.delivery import deliver
from otp_service.outbox.enqueueing import enqueue
from otp_service.outbox.models import State
from otp_service.outbox.records import forget, forget_user, personal_data

__all__ = [
    "Opened",
    "State",
    "deliver",
    "enqueue",
    "forget",
    "forget_user",
    "personal_data",
    "read",
]
