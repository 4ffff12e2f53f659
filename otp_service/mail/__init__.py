"""E-mail: templates rendered into messages, and the SMTP transport. Uses no database."""

from otp_service.mail.catalogue import LOCALES, TEMPLATES, require_values
from otp_service.mail.message import Message
from otp_service.mail.rendering import language, render
from otp_service.mail.settings import MailSettings, SmtpServer, read_mail
from otp_service.mail.transport import Failure, NotSent, send

__all__ = [
    "LOCALES",
    "TEMPLATES",
    "Failure",
    "MailSettings",
    "Message",
    "NotSent",
    "SmtpServer",
    "language",
    "read_mail",
    "render",
    "require_values",
    "send",
]
