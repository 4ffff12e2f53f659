"""E-mail: templates rendered into messages, and the SMTP transport. Uses no database."""

from otp_service.mail.catalogue import require_values
from otp_service.mail.message import Message
from otp_service.mail.rendering import render
from otp_service.mail.transport import Failure, NotSent, send

__all__ = ["Failure", "Message", "NotSent", "render", "require_values", "send"]
