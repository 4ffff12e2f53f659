"""Events to other services: what the audit trail records is sent, signed, to the URLs that want it (ADR 38)."""

from otp_service.hooks.dispatch import Dispatcher
from otp_service.hooks.event_messages import Numbers
from otp_service.hooks.models import State
from otp_service.hooks.records import forget_delivered, forget_rest, oldest_needed_event

__all__ = ["Dispatcher", "Numbers", "State", "forget_delivered", "forget_rest", "oldest_needed_event"]
