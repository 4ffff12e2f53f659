"""E-mail: what is written, and how it leaves. Knows no database."""

from otp_service.mail.catalogue import TEMPLATES, require_values
from otp_service.mail.settings import MailSettings, SmtpServer, read_mail

__all__ = ["TEMPLATES", "MailSettings", "SmtpServer", "read_mail", "require_values"]
