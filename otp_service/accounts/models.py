"""The tables of accounts: users, links, changes of number and address, and failed sign-ins."""

import uuid
from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, UniqueConstraint, Uuid, text, true
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.core.database.sealed_columns import sealed
from otp_service.core.database.transactions import UtcDateTime
from otp_service.extensions import Model


class User(Model):
    """A person. `email` is canonical (see `email_addresses`), or `released:<id>` after its owner took it back (ADR 34).

    `phone_number` is E.164, or None after another account verified it. At most one of the users with a number holds it
    (`holds_number`); the others only registered with it (ADR 17).

    A registration reserves address and number until `held_until`. It is None once the number is verified, and for users
    that an operator made or imported.

    Since `phone_off_at` the number is no second factor, at the user's wish.

    From `erase_at` on the account is as good as erased, at its holder's request; a sign-in before undoes it (ADR 35).

    `password_verified_at` is when the password was last verified together with a possession: only then may it open a
    session without a second step (ADR 34).

    `challenges_void_before` voids challenges, `strangers_void_before` those of strangers alone. Tokens and networks
    from before `clients_known_since` make no client known.

    `lock_reason` is None for a lock by an operator. Until `recovery_hold_until` the phone is no second factor (ADR 32).

    Ids are never reused, on SQLite either: events and counts of a deleted user must not become another user's.
    """

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("email"),
        Index(
            "uq_users_phone_number",
            "phone_number",
            unique=True,
            sqlite_where=text("holds_number"),
            postgresql_where=text("holds_number"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    email: Mapped[str] = mapped_column(String(254))
    email_verified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    phone_number: Mapped[str | None] = mapped_column(String(16))
    holds_number: Mapped[bool] = mapped_column(Boolean, server_default=true())
    phone_verified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    phone_off_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    password_hash: Mapped[str] = mapped_column(String(100))
    password_changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    password_verified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    challenges_void_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    strangers_void_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    clients_known_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    locked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    erase_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lock_reason: Mapped[str | None] = mapped_column(String(40))
    recovery_hold_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    held_until: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    display_name: Mapped[str | None] = mapped_column(String(100))
    locale: Mapped[str | None] = mapped_column(String(35))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AccountLink(Model):
    """A token that one person may use for one act, once.

    `email` is the address that the link was sent to and verifies; `session_id` is the session that requested it.
    """

    __tablename__ = "account_links"
    __table_args__ = (UniqueConstraint("token_hash"),)

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(String(20))
    token_hash: Mapped[str] = mapped_column(String(64))
    email: Mapped[str | None] = mapped_column(String(254))
    session_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    spent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PhoneChange(Model):
    """A change of number that can still be undone: the hash of the token that undoes it, and the earlier number."""

    __tablename__ = "phone_changes"
    __table_args__ = (UniqueConstraint("token_hash"),)

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64))
    sealed_number: Mapped[str] = mapped_column(String(200), info=sealed("phone_changes.sealed_number"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class VerifiedNetwork(Model):
    """A network in which a person has just verified the phone or the e-mail of an account."""

    __tablename__ = "verified_networks"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    network: Mapped[str] = mapped_column(String(50), primary_key=True)
    verified_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class EarlierAddress(Model):
    """An address that the account had until a change. It is still notified of what endangers the account."""

    __tablename__ = "earlier_addresses"

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    address: Mapped[str] = mapped_column(String(254))
    replaced_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class LoginThrottle(Model):
    """Failed passwords in a row, and the time until which the next try waits.

    `subject` is the hash of an address, known or not, for strangers. For a client that an account knows it is
    `user:17:` and the hash of what made it known.
    """

    __tablename__ = "login_throttles"

    subject: Mapped[str] = mapped_column(String(80), primary_key=True)
    failures: Mapped[int] = mapped_column(Integer)
    last_failed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    waits_until: Mapped[datetime] = mapped_column(UtcDateTime)
