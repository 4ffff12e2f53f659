"""What happened, to whom and when: append-only, written in the transaction of the act it tells of."""

from otp_service.audit.services import COMMAND_LINE, PAGE, SERVICE, Event, events_of, has_happened, record

__all__ = ["COMMAND_LINE", "PAGE", "SERVICE", "Event", "events_of", "has_happened", "record"]
