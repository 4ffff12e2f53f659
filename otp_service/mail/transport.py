"""Hands messages to a mail server: SMTP (RFC 5321) over TLS (RFC 8314)."""

import smtplib
import ssl
from contextlib import suppress
from datetime import datetime
from email.headerregistry import Address
from enum import Enum

from otp_service.mail import wire_addresses
from otp_service.mail.login import Connection, TlsConnection
from otp_service.mail.message import Message
from otp_service.mail.settings import SmtpServer

TIMEOUT_SECONDS = 15.0
_PERMANENT = 500  # replies from here on are final


class Failure(Enum):
    """Why a message was not sent, and so what to do next."""

    PERMANENT = "the server will never accept this message"
    TRANSIENT = "the server may accept this message later"
    SERVER_UNAVAILABLE = "the server accepts no message now"
    REJECTED = "the server accepts no message from this service until a setting is changed"


class NotSent(Exception):
    """The mail server did not accept a message. `reason` names the error and holds no address."""

    def __init__(self, reason: str, failure: Failure) -> None:
        self.reason = reason
        self.failure = failure
        super().__init__(reason)


def send(message: Message, *, server: SmtpServer, sender: Address, at: datetime) -> None:
    """Hand the message to the server. Raises NotSent.

    A connection that is lost before the server's reply also raises: better sent twice than never.
    """
    try:
        email = message.as_email(sender=sender, at=at)
        to = wire_addresses.on_the_wire(message.to).addr_spec
    except ValueError as error:
        raise NotSent(type(error).__name__, Failure.PERMANENT) from None
    connection = _connect(server, sender.domain)
    try:
        if wire_addresses.needs_smtputf8(to) and not connection.has_extn("smtputf8"):
            raise NotSent("NoSmtpUtf8", Failure.PERMANENT)
        connection.send_message(email, from_addr=sender.addr_spec, to_addrs=[to])
    except (smtplib.SMTPException, OSError, ValueError) as error:  # ValueError: an address that cannot be encoded
        raise _not_sent(error) from None  # the server's reply may repeat the address
    finally:
        _close(connection)


def probe(server: SmtpServer, *, sender: Address) -> None:
    """Connect and sign in as for a message, and send none. Raises NotSent."""
    _close(_connect(server, sender.domain))


def _connect(server: SmtpServer, own_name: str) -> smtplib.SMTP:
    """Open a connection and sign in. Raises NotSent."""
    connection: smtplib.SMTP | None = None
    try:
        connection = _open(server, own_name)
        connection.ehlo_or_helo_if_needed()
        if server.user and server.password:
            connection.login(server.user, server.password)
    except (smtplib.SMTPException, OSError, ValueError) as error:
        if connection is not None:
            connection.close()
        raise NotSent(_reason(error), _failure_of_server(error)) from None
    return connection


def _open(server: SmtpServer, own_name: str) -> smtplib.SMTP:
    """Connect with the encryption that the settings ask for. There is no fallback to less."""
    if server.tls == "tls":
        context = _ssl_context(server)
        return TlsConnection(server.host, server.port, own_name, timeout=TIMEOUT_SECONDS, context=context)
    connection = Connection(server.host, server.port, own_name, timeout=TIMEOUT_SECONDS)
    if server.tls == "starttls":
        try:
            connection.starttls(context=_ssl_context(server))  # raises if the server does not offer it
        except BaseException:
            connection.close()
            raise
    return connection


def _ssl_context(server: SmtpServer) -> ssl.SSLContext:
    """Check certificate and host name; TLS 1.2 or later."""
    context = ssl.create_default_context(cafile=server.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _not_sent(error: Exception) -> NotSent:
    """Tell a failure of this message from one of the server (RFC 5321, section 4.2.1)."""
    codes = [getattr(error, "smtp_code", 0)]
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
    is_about_message = isinstance(error, smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError)
    if isinstance(error, ValueError) or (is_about_message and min(codes) >= _PERMANENT):
        failure = Failure.PERMANENT
    elif is_about_message:
        failure = Failure.TRANSIENT
    else:
        failure = _failure_of_server(error)
    return NotSent(_reason(error, codes[0]), failure)


def _failure_of_server(error: Exception) -> Failure:
    """Tell a server that is away or busy from one that will not take mail with these settings.

    The latter gives up no message: all of them leave once the operator has fixed the setting.
    """
    if isinstance(error, smtplib.SMTPResponseException):
        is_rejected = error.smtp_code >= _PERMANENT
    elif isinstance(error, smtplib.SMTPServerDisconnected):
        is_rejected = False
    else:  # a feature that the server lacks, or a ValueError: a certificate that is not trusted, a malformed name
        is_rejected = isinstance(error, smtplib.SMTPException | ValueError)
    return Failure.REJECTED if is_rejected else Failure.SERVER_UNAVAILABLE


def _reason(error: Exception, code: int = 0) -> str:
    code = code or getattr(error, "smtp_code", 0)
    return f"{type(error).__name__} {code}" if code else type(error).__name__


def _close(connection: smtplib.SMTP) -> None:
    """End the connection. Its reply to QUIT changes nothing: the message is accepted or rejected by now."""
    with suppress(smtplib.SMTPException, OSError):
        connection.quit()
    connection.close()
