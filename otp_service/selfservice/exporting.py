"""Everything stored about a person, in one list: whoever adds a table about people adds a line here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from otp_service import outbox
from otp_service.accounts import personal_data as accounts
from otp_service.audit import personal_data as audit
from otp_service.auth import challenges
from otp_service.core import clock
from otp_service.factors import personal_data as factors
from otp_service.factors.backup_codes import personal_data as backup_codes
from otp_service.factors.totp import personal_data as totp
from otp_service.factors.trusted_devices import devices as trusted_devices
from otp_service.factors.webauthn import personal_data as webauthn
from otp_service.sessions import personal_data as sessions
from otp_service.verifications import personal_data as otp


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an export: its name there, the table it tells of, and who reads it for a user's id."""

    name: str
    table: str
    read: Callable[[int], Any]


PARTS = (
    Part("profile", "users", accounts.profile),
    Part("links", "account_links", accounts.links),
    Part("phoneChanges", "phone_changes", accounts.phone_changes),
    Part("challenges", "challenges", challenges.personal_data),
    Part("sessions", "sessions", sessions.sessions),
    Part("verifications", "verifications", otp.verifications),
    Part("authenticators", "totp_authenticators", totp.authenticators),
    Part("passkeys", "webauthn_credentials", webauthn.credentials),
    Part("backupCodes", "backup_codes", backup_codes.codes),
    Part("defaultMethods", "factor_defaults", factors.defaults),
    Part("failedProofs", "factor_throttles", factors.throttles),
    Part("trustedDevices", "trusted_devices", trusted_devices.personal_data),
    Part("messages", "outbox_messages", outbox.personal_data),
    Part("events", "audit_events", audit.events),
)
EXEMPT = {
    "webauthn_handles": "a random number by which passkeys know the account; it says nothing of the person",
    "webauthn_challenges": "random numbers that live for some minutes, of which only a hash is stored",
}
"""Tables with a user's id of which an export tells nothing, and why."""


def export(user_id: int) -> dict[str, Any]:
    """All parts, each as of its own moment."""
    return {"exportedAt": clock.now(), **{part.name: part.read(user_id) for part in PARTS}}
