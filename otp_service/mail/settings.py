"""The settings of e-mail: the mail server and the sender."""

import re
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import parse_qs, unquote

from otp_service.config.reader import Reader, split_address
from otp_service.config.server import read_service_name
from otp_service.core.addresses import is_this_machine
from otp_service.mail.wire_addresses import ascii_domain, on_the_wire

TLS = ("starttls", "tls", "none")
PORTS = {"starttls": 587, "tls": 465, "none": 25}
URL_FORM = "hold smtp://user:password@host:587 or smtps://user:password@host:465"
SENDER = "no-reply@localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """The mail server. `tls` is one of TLS; `ca_file` replaces the certificate authorities of the system."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: str = "starttls"
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """Without a `server` no message is sent: development shows messages at /mail, production retries and gives up.

    `has_smtputf8` says whether people may register addresses that only a mail server with SMTPUTF8 can send to.
    """

    sender: Address
    has_smtputf8: bool = False
    server: SmtpServer | None = None


def read_mail(read: Reader) -> MailSettings:
    """Read SMTP_* and MAIL_FROM."""
    server = _server(read)
    if server and read.production and server.user and server.tls == "none" and not is_this_machine(server.host):
        read.fault(
            "SMTP_TLS", "is none although SMTP_PASSWORD is set", "be starttls or tls, so that the password is encrypted"
        )
    text = read.text("MAIL_FROM", default="")
    if server and read.production and not text:
        read.fault("MAIL_FROM", "is not set", "hold the sender, such as Example <no-reply@example.com>")
    return MailSettings(
        sender=_sender(read, text or SENDER),
        server=server,
        has_smtputf8=read.flag("SMTP_UTF8", default=False),
    )


def _server(read: Reader) -> SmtpServer | None:
    url = read.secret("SMTP_URL", default=None)
    host = read.text("SMTP_HOST", default="")
    if url and host:
        read.fault("SMTP_URL", "is set together with SMTP_HOST", "be the only one of the two")
    parts = _url_parts(read, url) if url else {}
    host = parts.get("host") or host
    if not host:
        return None
    tls = read.choice("SMTP_TLS", TLS, default=parts.get("tls", "starttls"))
    user = parts.get("user") or read.text("SMTP_USER", default="") or None
    password = parts.get("password") or read.secret("SMTP_PASSWORD", default=None)
    if bool(user) != bool(password):
        read.fault("SMTP_USER" if password else "SMTP_PASSWORD", "is not set", "be set together with the other one")
    return SmtpServer(
        host=_ascii_host(read, host),
        port=read.integer("SMTP_PORT", default=int(parts.get("port") or PORTS[tls]), low=1, high=65535),
        user=user,
        password=password,
        tls=tls,
        ca_file=_ca_file(read),
    )


def _ascii_host(read: Reader, host: str) -> str:
    try:
        return ascii_domain(host)
    except ValueError:
        return read.fault("SMTP_HOST", f"holds {host!r}", "hold a host name or an address")


def _url_parts(read: Reader, url: str) -> dict[str, str]:
    """Split `smtp://` (STARTTLS) or `smtps://` into host, port, user, password and tls. `?tls=none` means no TLS."""
    parts = split_address(url)
    tls = {"smtp": "starttls", "smtps": "tls"}.get(parts.scheme) if parts else None
    if parts is None or tls is None or not parts.hostname:
        read.fault("SMTP_URL", "is not the address of a mail server", URL_FORM)
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
        read.fault("SMTP_CA_FILE", "is not the path of a file", "name a file of certificates (PEM)")
    return Path(text) if text else None


def _sender(read: Reader, text: str) -> Address:
    """Parse a name and an address as in RFC 5322, with the domain in A-labels.

    Line breaks and a local part beyond ASCII are rejected: not every mail server takes the latter.
    """
    name, address = parseaddr(text)
    try:
        address = on_the_wire(address).addr_spec
        sender = Address(display_name=name or read_service_name(read) or "", addr_spec=address)
    except ValueError:
        sender = Address()
    is_plain = address.isascii() and not re.search(r"[\x00-\x1f\x7f]", text)
    if not (sender.username and sender.domain and is_plain):
        read.fault("MAIL_FROM", "is not an e-mail address", "hold one such as Example <no-reply@example.com>")
        return Address(addr_spec=SENDER)
    return sender
