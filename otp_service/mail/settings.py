"""The settings of e-mail: the server that takes it, and whom it is from."""

import re
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import parse_qs, unquote

from otp_service.core.settings import Reader, is_loopback, split_address

TLS = ("starttls", "tls", "none")
PORTS = {"starttls": 587, "tls": 465, "none": 25}
URL_FORM = "hold smtp://user:password@host:587 or smtps://user:password@host:465"
SENDER = "no-reply@localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """The mail server that takes our messages. `tls` is one of TLS; `ca_file` stands in for the system's roots."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: str = "starttls"
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """Without a `server` nothing leaves: in development the messages are shown on a page, else they wait."""

    sender: Address
    server: SmtpServer | None = None

    @property
    def service_name(self) -> str:
        """What messages call the service."""
        return self.sender.display_name or self.sender.domain


def read_mail(read: Reader, *, production: bool) -> MailSettings:
    """Read SMTP_* and MAIL_FROM."""
    server = _server(read)
    if server and production and server.user and server.tls == "none" and not is_loopback(server.host):
        read.fault("SMTP_TLS", "is none beside a password", "be starttls or tls, or the password travels in clear")
    text = read.text("MAIL_FROM", default="")
    if server and production and not text:
        read.fault("MAIL_FROM", "is not set", "hold the sender, such as Example <no-reply@example.com>")
    return MailSettings(sender=_sender(read, text or SENDER), server=server)


def _server(read: Reader) -> SmtpServer | None:
    url = read.secret("SMTP_URL", default=None)
    host = read.text("SMTP_HOST", default="")
    if url and host:
        read.fault("SMTP_URL", "is set beside SMTP_HOST", "stand alone")
    parts = _url_parts(read, url) if url else {}
    host = parts.get("host") or host
    if not host:
        return None
    tls = read.choice("SMTP_TLS", TLS, default=parts.get("tls", "starttls"))
    user = parts.get("user") or read.text("SMTP_USER", default="") or None
    password = parts.get("password") or read.secret("SMTP_PASSWORD", default=None)
    if bool(user) != bool(password):
        read.fault("SMTP_USER" if password else "SMTP_PASSWORD", "is not set", "be set when its fellow is")
    return SmtpServer(
        host=host,
        port=read.integer("SMTP_PORT", default=int(parts.get("port") or PORTS[tls]), low=1, high=65535),
        user=user,
        password=password,
        tls=tls,
        ca_file=_ca_file(read),
    )


def _url_parts(read: Reader, url: str) -> dict[str, str]:
    """Host, port, user, password and tls of `smtp://` (STARTTLS) or `smtps://`, with `?tls=none` for neither."""
    parts = split_address(url)
    tls = {"smtp": "starttls", "smtps": "tls"}.get(parts.scheme) if parts else None
    if parts is None or tls is None or not parts.hostname:
        read.fault("SMTP_URL", "is no address of a mail server", URL_FORM)
        return {}
    chosen = parse_qs(parts.query).get("tls", [tls])[-1]
    if chosen not in TLS:
        read.fault("SMTP_URL", f"holds tls={chosen!r}", f"hold one of {', '.join(TLS)} there")
        chosen = tls
    found = {"host": parts.hostname, "port": str(parts.port or ""), "tls": chosen}
    return found | {"user": unquote(parts.username or ""), "password": unquote(parts.password or "")}


def _ca_file(read: Reader) -> Path | None:
    text = read.text("SMTP_CA_FILE", default="")
    if text and not Path(text).is_file():
        read.fault("SMTP_CA_FILE", "names no file", "name a file of certificates (PEM)")
    return Path(text) if text else None


def _sender(read: Reader, text: str) -> Address:
    """A person's name and address as in RFC 5322, of one line and of ASCII addresses."""
    name, address = parseaddr(text)
    try:
        sender = Address(display_name=name, addr_spec=address)
    except (MessageError, ValueError, IndexError):
        sender = Address()
    is_plain = address.isascii() and not re.search(r"[\x00-\x1f\x7f]", text)
    if not (sender.username and sender.domain and is_plain):
        read.fault("MAIL_FROM", "is no e-mail address", "hold one such as Example <no-reply@example.com>")
        return Address(addr_spec=SENDER)
    return sender
