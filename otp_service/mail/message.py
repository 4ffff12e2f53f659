"""An e-mail as a value, and as a MIME message (RFC 5322)."""

from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8

from otp_service.mail import wire_addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One e-mail to one recipient.

    Every try has the same `message_id`, so mail programs show a message that was sent twice as one (ADR 12).
    """

    to: str = field(repr=False)
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    message_id: str
    locale: str

    def as_email(self, *, sender: Address, at: datetime) -> EmailMessage:
        """Build the message with a text and an HTML part. Raises ValueError if an address or a header is malformed."""
        email = EmailMessage(policy=SMTPUTF8 if wire_addresses.needs_smtputf8(self.to) else SMTP)
        email["From"] = sender
        email["To"] = wire_addresses.on_the_wire(self.to)
        email["Subject"] = self.subject
        email["Date"] = at
        email["Message-ID"] = self.message_id
        email["Auto-Submitted"] = "auto-generated"  # RFC 3834: suppresses out-of-office replies
        email["X-Auto-Response-Suppress"] = "All"
        email.set_content(self.text)
        email.add_alternative(self.html, subtype="html")
        email["Content-Language"] = self.locale  # last: setting the content removes every Content-* header
        return email
