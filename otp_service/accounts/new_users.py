"""What a new user has, whether a registration, an operator, an import or a backend adds it."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from otp_service.accounts.users import RELEASED


@dataclass(frozen=True, slots=True)
class NewUser:
    """A valid user. `email` is canonical, `phone_number` E.164; one of them may be None.

    `created_at` is None for a user that begins now, `password_verified` where a verified number decides about it.
    """

    password_hash: str
    email: str | None = None
    phone_number: str | None = None
    is_verified: bool = False
    created_at: datetime | None = None
    display_name: str | None = None
    locale: str | None = None
    email_verified: bool = False
    is_locked: bool = False
    password_verified: bool | None = None

    def columns(self, now: datetime) -> dict[str, Any]:
        """Return the columns of the row. What is called verified or locked is so from `now` on."""
        # A password next to a verified number was verified with it, unless the source knows better (ADR 34).
        is_password_verified = self.is_verified if self.password_verified is None else self.password_verified
        return {
            "email": self.email or f"{RELEASED}{uuid.uuid4().hex}",
            "email_verified_at": now if self.email_verified else None,
            "phone_number": self.phone_number,
            "holds_number": self.phone_number is not None,
            "phone_verified_at": now if self.is_verified else None,
            "password_hash": self.password_hash,
            "password_changed_at": now,
            "password_verified_at": now if is_password_verified else None,
            "locked_at": now if self.is_locked else None,
            "display_name": self.display_name,
            "locale": self.locale,
            "created_at": self.created_at or now,
        }
