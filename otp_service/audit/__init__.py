"""What happened, to whom and when: append-only, written in the transaction of the act it tells of."""

from otp_service.audit.services import COMMAND_LINE, record

__all__ = ["COMMAND_LINE", "record"]
