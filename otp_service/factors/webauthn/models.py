"""The tables of passkeys: the credentials, the handles of their owners, and the issued challenges."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ForeignKey, LargeBinary, String, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.core.database.transactions import UtcDateTime
from otp_service.extensions import Model


class WebAuthnCredential(Model):
    """A passkey or security key of a user. `public_key` is in COSE's form, `transports` separated by spaces."""

    __tablename__ = "webauthn_credentials"
    __table_args__ = (UniqueConstraint("credential_id"),)

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary(1023))
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    aaguid: Mapped[uuid.UUID] = mapped_column(Uuid)
    transports: Mapped[str] = mapped_column(String(100))
    synced: Mapped[bool] = mapped_column(Boolean)
    name: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class WebAuthnHandle(Model):
    """The id by which authenticators know a user. It is random and identifies no person (WebAuthn, section 14.6.1)."""

    __tablename__ = "webauthn_handles"
    __table_args__ = (UniqueConstraint("handle"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    handle: Mapped[bytes] = mapped_column(LargeBinary(64))


class WebAuthnChallenge(Model):
    """An issued challenge and its scope. `user_id` is None for a sign-in by a passkey alone."""

    __tablename__ = "webauthn_challenges"
    __table_args__ = (UniqueConstraint("challenge_hash"),)

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(String(20))
    bound_to: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    challenge_hash: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    spent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
