"""Hands messages to a mail server (SMTP, RFC 5321; TLS as RFC 8314 has it)."""

import smtplib
import ssl
from contextlib import suppress
from datetime import datetime
from email.headerregistry import Address

from otp_service.mail.errors import NotDelivered, Trouble
from otp_service.mail.message import Message
from otp_service.mail.settings import SmtpServer

TIMEOUT_SECONDS = 15.0
_PERMANENT = 500  # replies from here on are final


def send(message: Message, *, server: SmtpServer, sender: Address, at: datetime) -> None:
    """Have the server take the message. Raises NotDelivered.

    When it was lost whether the server took it, that counts as not taken: better twice than never.
    """
    try:
        email = message.as_email(sender=sender, at=at)
    except ValueError as error:
        raise NotDelivered(type(error).__name__, Trouble.REFUSED) from None
    connection = _connect(server, sender.domain)
    try:
        connection.send_message(email, from_addr=sender.addr_spec, to_addrs=[message.to])
    except (smtplib.SMTPException, OSError, ValueError) as error:  # the last for an address that cannot be encoded
        raise _failure(error) from None  # the server's words may repeat the address
    finally:
        _leave(connection)


def _connect(server: SmtpServer, own_name: str) -> smtplib.SMTP:
    """A connection on which messages may be sent. Raises NotDelivered."""
    connection: smtplib.SMTP | None = None
    try:
        connection = _open(server, own_name)
        if server.user and server.password:
            connection.login(server.user, server.password)
    except (smtplib.SMTPException, OSError, ValueError) as error:
        if connection is not None:
            connection.close()
        raise NotDelivered(_named(error), Trouble.AWAY) from None
    return connection


def _open(server: SmtpServer, own_name: str) -> smtplib.SMTP:
    """Encrypted as the settings say or not at all: a server that offers no STARTTLS gets nothing."""
    if server.tls == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, own_name, timeout=TIMEOUT_SECONDS, context=_trust(server))
    connection = smtplib.SMTP(server.host, server.port, own_name, timeout=TIMEOUT_SECONDS)
    if server.tls == "starttls":
        try:
            connection.starttls(context=_trust(server))
        except BaseException:
            connection.close()
            raise
    return connection


def _trust(server: SmtpServer) -> ssl.SSLContext:
    """Certificate and host name are checked; TLS 1.2 at least."""
    context = ssl.create_default_context(cafile=server.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _failure(error: Exception) -> NotDelivered:
    """Whether it is the message or the server: RFC 5321, section 4.2.1."""
    codes = [getattr(error, "smtp_code", 0)]
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
    is_about_message = isinstance(error, smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError)
    if isinstance(error, ValueError) or (is_about_message and min(codes) >= _PERMANENT):
        return NotDelivered(_named(error, codes[0]), Trouble.REFUSED)
    if is_about_message or isinstance(error, smtplib.SMTPNotSupportedError):
        return NotDelivered(_named(error, codes[0]), Trouble.LATER)
    return NotDelivered(_named(error, codes[0]), Trouble.AWAY)


def _named(error: Exception, code: int = 0) -> str:
    code = code or getattr(error, "smtp_code", 0)
    return f"{type(error).__name__} {code}" if code else type(error).__name__


def _leave(connection: smtplib.SMTP) -> None:
    """Whatever the server says now, it has taken the message or has not."""
    with suppress(smtplib.SMTPException, OSError):
        connection.quit()
    connection.close()
