"""A real mail server on loopback that keeps what it takes, and refuses when told to."""

import hmac
import socket
import ssl
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from types import TracebackType
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.servers import free_port
from tests.waiting import PATIENCE_SECONDS, wait_until

USER, PASSWORD = "otp", "Canary-Mail-Pw-7"
MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5")


@dataclass
class Mailbox:
    """What arrived. `recipient_reply` and `data_reply` are said instead of 250 while set."""

    tls: str = "none"
    context: ssl.SSLContext | None = None
    needs_login: bool = False
    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN")
    password: str = PASSWORD
    smtputf8: bool = True
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    recipient_reply: str = ""
    data_reply: str = ""
    sender_reply: str = ""
    data_seconds: float = 0.0
    port: int = 0

    def __enter__(self) -> "Mailbox":
        self.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, at the port that it had before if it had one."""
        self.port = self.port or free_port()
        options: dict[str, Any] = {"ssl_context": self.context} if self.tls == "tls" else {}
        if self.tls == "starttls":
            options = {"tls_context": self.context, "require_starttls": True}
        if self.needs_login:
            others = [name for name in MECHANISMS if name not in self.mechanisms]
            options |= {
                "authenticator": self._authenticate,
                "auth_require_tls": False,
                "auth_exclude_mechanism": others,
            }
        options["enable_SMTPUTF8"] = self.smtputf8
        self._controller = Listener(self, hostname="127.0.0.1", port=self.port, **options)
        self._controller.start()

    def stop(self) -> None:
        """Listen no longer."""
        self._controller.stop()

    def _authenticate(self, *arguments: Any) -> AuthResult:
        given = arguments[-1]
        assert isinstance(given, LoginPassword)
        is_right = (given.login, given.password) == (USER.encode(), self.password.encode())
        return AuthResult(success=is_right, handled=False)

    async def auth_CRAM__MD5(self, server: Any, _: Any) -> AuthResult:  # noqa: N802
        """Check a response to a challenge (RFC 2195)."""
        challenge = b"<1.2@mail.test>"
        response = await server.challenge_auth(challenge)
        right = hmac.new(self.password.encode(), challenge, "md5").hexdigest()
        return AuthResult(success=response == f"{USER} {right}".encode(), handled=False)

    @property
    def settings(self) -> dict[str, str]:
        """How the service is told to use it."""
        return {
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(self.port),
            "SMTP_TLS": self.tls,
            "MAIL_FROM": "Example <no-reply@example.com>",
        }

    @property
    def message_ids(self) -> list[str]:
        """The Message-IDs of what arrived, in order."""
        return [str(message["Message-ID"]) for message in self.messages]

    async def handle_RCPT(self, _: Any, session: Any, envelope: Any, address: str, __: Any) -> str:  # noqa: N802
        """Take every recipient, or none."""
        if self.needs_login and not session.authenticated:
            return "530 sign in first"
        if not self.recipient_reply:
            envelope.rcpt_tos.append(address)
            self.recipients.append(address)
        return self.recipient_reply or "250 OK"

    async def handle_MAIL(self, _: Any, __: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        """Take every sender, or none."""
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.sender_reply or "250 OK"

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:  # noqa: N802
        """Keep the message, and take one's time to say so."""
        import asyncio

        if not self.data_reply:
            message = message_from_bytes(envelope.content, policy=default)
            assert isinstance(message, EmailMessage)
            self.messages.append(message)
        await asyncio.sleep(self.data_seconds)
        return self.data_reply or "250 OK"

    def wait_for(self, count: int) -> None:
        """Return once so many messages have arrived."""
        wait_until(lambda: len(self.messages) >= count)


class Listener(Controller):
    """The server's thread; its own trial connection speaks TLS without a name to check."""

    def _trigger_server(self) -> None:
        hostname, port = self.hostname, self.port
        with socket.create_connection((hostname, port), timeout=PATIENCE_SECONDS) as connection:
            if self.ssl_context is None:
                connection.recv(1024)
                return
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            with context.wrap_socket(connection) as wrapped:
                wrapped.recv(1024)
