"""An e-mail as a value, and as the bytes that leave (RFC 5322)."""

from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one person is told. `message_id` is the same at every try, so that a message sent twice shows as one."""

    to: str = field(repr=False)
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    message_id: str
    locale: str

    def as_email(self, *, sender: Address, at: datetime) -> EmailMessage:
        """Text, with HTML for those who want it. Raises ValueError when an address or a header is none."""
        email = EmailMessage(policy=SMTP)
        email["From"] = sender
        email["To"] = Address(addr_spec=self.to)
        email["Subject"] = self.subject
        email["Date"] = at
        email["Message-ID"] = self.message_id
        email["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday note should answer
        email["X-Auto-Response-Suppress"] = "All"
        email.set_content(self.text)
        email.add_alternative(self.html, subtype="html")
        email["Content-Language"] = self.locale  # last: setting the content removes every Content-* header
        return email
