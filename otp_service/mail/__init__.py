"""E-mail: what is written, and how it leaves. Knows no database."""

from otp_service.mail.catalogue import LOCALES, TEMPLATES, require_values
from otp_service.mail.errors import NotDelivered, Trouble
from otp_service.mail.message import Message
from otp_service.mail.settings import MailSettings, SmtpServer, read_mail
from otp_service.mail.transport import send
from otp_service.mail.writing import language, write

__all__ = [
    "LOCALES",
    "TEMPLATES",
    "MailSettings",
    "Message",
    "NotDelivered",
    "SmtpServer",
    "Trouble",
    "language",
    "read_mail",
    "require_values",
    "send",
    "write",
]
