"""Finds and changes users."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, case, delete, select, update

from otp_service import audit, sessions, verifications
from otp_service.accounts import earned, links, throttle
from otp_service.accounts.errors import PhoneNumberMissing, UserNotFound
from otp_service.accounts.models import User
from otp_service.audit import COMMAND_LINE
from otp_service.core import clock
from otp_service.core.database.rows import Projection, rows_about
from otp_service.core.database.statements import Given, prepared
from otp_service.core.database.transactions import (
    execute,
    fetch_all,
    fetch_one,
    note_for_transaction,
    noted_for_transaction,
    transaction,
)
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions import Caller
from otp_service.sessions.errors import InvalidToken

RELEASED = "released:"
"""Starts the stand-in for the address of an account that has none, which is unique. No address can look like it."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user as other features see one: values, not a row.

    `email` names the account in every case. Show and write to `address`.
    """

    id: int
    email: str
    email_verified_at: datetime | None
    phone_number: str | None
    holds_number: bool
    phone_verified_at: datetime | None
    phone_off_at: datetime | None
    password_changed_at: datetime
    password_verified_at: datetime | None
    challenges_void_before: datetime | None
    strangers_void_before: datetime | None
    locked_at: datetime | None
    erase_at: datetime | None
    held_until: datetime | None
    lock_reason: str | None
    recovery_hold_until: datetime | None
    display_name: str | None
    locale: str | None
    created_at: datetime

    @property
    def is_verified(self) -> bool:
        """Whether the number is verified."""
        return self.phone_verified_at is not None

    @property
    def email_verified(self) -> bool:
        """Whether the address is verified."""
        return self.email_verified_at is not None

    @property
    def address(self) -> str | None:
        """The e-mail address; None after the owner of the mailbox took it back (ADR 34)."""
        return None if self.email.startswith(RELEASED) else self.email

    @property
    def label(self) -> str:
        """What an authenticator shows of the account: the address, else the number."""
        return self.address or self.phone_number or ""

    @property
    def password_verified(self) -> bool:
        """Whether the password was ever verified together with a possession, or set by someone who had one."""
        return self.password_verified_at is not None

    def is_over(self, now: datetime) -> bool:
        """Whether the time to undo a deletion is over, though retention may not have erased the account yet."""
        return self.erase_at is not None and self.erase_at <= now

    def has_voided(self, issued_at: datetime, *, to_stranger: bool = False) -> bool:
        """Whether a lock, a new password or the like has voided what was issued or requested at that moment.

        What was issued `to_stranger` is void after a stranger's wrong passwords as well.
        """
        times = (self.challenges_void_before, self.strangers_void_before if to_stranger else None)
        return any(time is not None and issued_at <= time for time in times)

    def is_on_hold(self, now: datetime) -> bool:
        """Whether a reset by the phone alone keeps the phone from being a second factor (ADR 32)."""
        return self.recovery_hold_until is not None and now < self.recovery_hold_until

    def reachable_number(self) -> str:
        """Return the number that codes go to. Raises PhoneNumberMissing if another account verified it."""
        if self.phone_number is None:
            raise PhoneNumberMissing
        return self.phone_number


ACCOUNTS = Projection(Account, User)
ID = User.id
"""For statements that join users to what belongs to them."""

# Built once: on hot paths, building a statement costs more than running it (ADR 16).
_BY_ID = ACCOUNTS.select().where(User.id == bindparam("user_id"))

IS_VERIFIED = select(User.phone_verified_at.is_not(None)).where(User.id == sessions.OWNER).scalar_subquery()
"""Whether the owner of a session has a verified number, for statements about sessions."""

_WITH_SESSION = _BY_ID.where(sessions.LIVE.exists())


def _find(*conditions: ColumnElement[bool]) -> Account | None:
    """Return the user that meets the conditions."""
    return ACCOUNTS.find(fetch_one(ACCOUNTS.select().where(*conditions)))


def find_by_email(email: str) -> Account | None:
    """Return the user with a canonical address."""
    return _find(User.email == email)


def find_by_phone_number(phone_number: str) -> Account | None:
    """Return the user who holds an E.164 number."""
    return _find(holds(phone_number))


def find_by_id(user_id: int) -> Account | None:
    """Return the user with an id."""
    return ACCOUNTS.find(fetch_one(_BY_ID, {"user_id": user_id}))


def find_with_session(user_id: int, session_id: uuid.UUID, *, now: datetime) -> Account | None:
    """Return the user if the session is live: one statement checks the session and reads the user."""
    return ACCOUNTS.find(fetch_one(_WITH_SESSION, sessions.live_parameters(session_id, user_id=user_id, now=now)))


def find_phone_number(user_id: int) -> str | None:
    """Return the number that a user has now, verified or not; None without one or without such a user."""
    account = find_by_id(user_id)
    return None if account is None else account.phone_number


def get(user_id: int) -> Account:
    """Return the user with an id. Raises UserNotFound."""
    return _present(find_by_id(user_id))


def get_bearer(user_id: int) -> Account:
    """Return the account that a token or link names. Raises InvalidToken if it has been deleted since."""
    account = find_by_id(user_id)
    if account is None:
        raise InvalidToken
    return account


def hold_bearer(user_id: int) -> Account:
    """Return the account that a token or link names, locked until the open transaction ends.

    Raises InvalidToken if it has been locked by an operator or deleted since.
    """
    account = find_and_hold(user_id)
    if account is None:
        raise InvalidToken
    return account


def find_and_hold(user_id: int) -> Account | None:
    """Return the user unless an operator locked it, and keep other writers away until the open transaction ends."""
    return find_held(fetch_one(*_held(user_id)))


def find_held(row: Row[Any] | None) -> Account | None:
    """Return the user of a row that a statement made from `held` locked; None for no row."""
    account = ACCOUNTS.find(row)
    if account is not None:
        note_for_transaction(User, account)
    return account


def held_by_transaction(user_id: int) -> Account | None:
    """Return the user as the open transaction locked it, if it did: until its end, no other one changes the row."""
    account: Account | None = noted_for_transaction(User)
    return account if account is not None and account.id == user_id else None


def held() -> Select[Any]:
    """Return a statement for users that no operator locked, to be narrowed down and locked."""
    return ACCOUNTS.select().where(User.locked_at.is_(None))


@prepared
def _held(user_id: Given) -> Select[Any]:
    # FOR NO KEY UPDATE: meanwhile, others may still insert rows that reference the user.
    return held().where(User.id == user_id).with_for_update(key_share=True)


def keep(user_id: int) -> bool:
    """Keep the user from being deleted until the open transaction ends; False if there is no such user.

    Call it before locking rows that belong to the user: a deletion locks the user first, so the same order avoids a
    deadlock.
    """
    return fetch_one(*_kept(user_id)) is not None


@prepared
def _kept(user_id: Given) -> Select[Any]:
    return kept(user_id)


def kept(user_id: Given, *columns: ColumnElement[Any]) -> Select[Any]:
    """Return a statement that reads `columns` about a user, and keeps the user as `keep` does."""
    return select(User.id, *columns).where(User.id == user_id).with_for_update(read=True, key_share=True, of=User)


def number_of(user_id: Given, *, unless_off: bool = False) -> ColumnElement[Any]:
    """Return a user's number, for a statement about the user; with `unless_off`, only where the phone is a factor."""
    statement = select(User.phone_number).where(User.id == user_id)
    return (statement.where(User.phone_off_at.is_(None)) if unless_off else statement).scalar_subquery()


def get_by_recipient(*, email: str | None, phone_number: str | None) -> Account:
    """Return the user with a canonical address, or who holds an E.164 number, unless an operator locked it.

    Raises UserNotFound.
    """
    return _present(find_by_recipient(email=email, phone_number=phone_number))


def find_by_recipient(*, email: str | None, phone_number: str | None) -> Account | None:
    """Return the user with a canonical address, or who holds an E.164 number, unless an operator locked it."""
    condition = User.email == email if email is not None else holds(phone_number)
    return _find(condition, User.locked_at.is_(None))


def name_for_number(phone_number: str) -> str:
    """Return the name under which a sign-in by number checks the password.

    Only an account without an address signs in by its number, so that every account has one name and one count of
    failed sign-ins. For any other number, the number itself: no account has that name.
    """
    account = find_by_phone_number(phone_number)
    return phone_number if account is None or account.address is not None else account.email


def list_all(
    *, limit: int, before: int | None = None, email: str | None = None, phone_number: str | None = None
) -> list[Account]:
    """Return the newest users with ids below `before`: all, or those with a canonical address or an E.164 number."""
    named = ((User.email, email), (User.phone_number, phone_number))
    conditions = [column == value for column, value in named if value is not None]
    if before is not None:
        conditions.append(User.id < before)
    return ACCOUNTS.values(fetch_all(ACCOUNTS.select().where(*conditions).order_by(User.id.desc()).limit(limit)))


def holds(phone_number: str | Given | None) -> ColumnElement[bool]:
    """Return the condition that a user holds an E.164 number."""
    return (User.phone_number == phone_number) & User.holds_number


def unverify_by_operator(user_id: int, *, client: ClientInfo = COMMAND_LINE) -> Account:
    """Mark the number as unverified; sessions stay. Raises UserNotFound."""
    return _change(user_id, "user.unverified_by_operator", client, phone_verified_at=None)


def lock(user_id: int, *, client: ClientInfo = COMMAND_LINE) -> Account:
    """Reject every sign-in, void what was earned before and end all sessions, immediately. Raises UserNotFound."""
    now = clock.now()
    with transaction():
        account = _change(user_id, "user.locked_by_operator", client, locked_at=now)
        earned.void(user_id, now=now)
        # After the lock: a sign-in that held the user until now has committed its session, which ends here too.
        sessions.end_all(user_id, now=now)
        return account


def freeze(user_id: int, *, reason: str, client: ClientInfo, now: datetime) -> None:
    """Lock the account for a reason, in the open transaction, until an operator unlocks it.

    Raises InvalidToken if it is locked already.
    """
    is_open = (User.id == user_id) & User.locked_at.is_(None)
    # Of parallel requests, one freezes the account and records it (ADR 3).
    if execute(update(User).where(is_open).values(locked_at=now, lock_reason=reason)).rowcount != 1:
        raise InvalidToken
    earned.void(user_id, now=now)
    sessions.end_all(user_id, now=now)
    audit.record("user.frozen", user_id=user_id, client=client, at=now, reason=reason)


def unlock(user_id: int, *, client: ClientInfo = COMMAND_LINE) -> Account:
    """Undo `lock`, end a hold, and end the wait after wrong passwords. Raises UserNotFound."""
    unlocked = {"locked_at": None, "lock_reason": None, "recovery_hold_until": None}
    with transaction():
        account = _change(user_id, "user.unlocked_by_operator", client, **unlocked)
        throttle.clear_account(user_id, account.email)
        return account


def renew_sessions(user_id: int, *, now: datetime) -> dict[uuid.UUID, Caller]:
    """Give each live session of the user a new id, in the open transaction of a change (ADR 33).

    Return the sessions by their earlier ids. A pending change of address stays bound to the session that requested it.
    """
    renewed = sessions.replace_ids(user_id, is_verified=get(user_id).is_verified, now=now)
    for earlier_id, caller in renewed.items():
        links.follow_session(user_id, earlier_id, caller.session_id)
    return renewed


def edit(user_id: int, **values: str | None) -> None:
    """Set display name or locale, in the open transaction."""
    execute(update(User).where(User.id == user_id).values(**values))


def set_password_hash(user_id: int, password_hash: str, *, now: datetime) -> None:
    """Replace the password in the open transaction, void what was earned before and forget failed sign-ins.

    Raises UserNotFound.
    """
    # Verified at once: a reset, a link or a session with a fresh sign-in led here, never a registration (ADR 34).
    values = {"password_hash": password_hash, "password_changed_at": now, "password_verified_at": now}
    if execute(update(User).where(User.id == user_id).values(**values)).rowcount != 1:
        raise UserNotFound
    # What the old password led to must not outlive it: a challenge that waits for its second factor, a code on its way.
    earned.void(user_id, now=now)
    throttle.clear_account(user_id, get(user_id).email)


def switch_phone(user_id: int, *, off_at: datetime | None) -> bool:
    """Switch the phone off as a factor, or on again with None, in the open transaction; return whether it changed."""
    is_other = User.phone_off_at.is_(None) if off_at else User.phone_off_at.is_not(None)
    return execute(update(User).where(User.id == user_id, is_other).values(phone_off_at=off_at)).rowcount == 1


def mark_password_verified(account: Account, *, now: datetime) -> None:
    """Record in the open transaction that the password was verified together with a possession."""
    if not account.password_verified:  # once in the life of a password: later sign-ins have no statement to spend
        execute(update(User).where(User.id == account.id).values(password_verified_at=now))


def set_recovery_hold(user_id: int, until: datetime | None) -> None:
    """Begin a hold after a reset by the phone alone, or end it with None, in the open transaction (ADR 32)."""
    execute(update(User).where(User.id == user_id).values(recovery_hold_until=until))


def remove(user_id: int) -> None:
    """Delete the user and, by foreign keys, the user's rows; events and messages stay. Raises UserNotFound."""
    with transaction():
        # The row count decides: of parallel deletions, one succeeds and is recorded (ADR 3).
        if execute(delete(User).where(User.id == user_id)).rowcount != 1:
            raise UserNotFound
        # They have no foreign key. After the user, which every send holds: so none can be added later (ADR 19).
        verifications.forget_owner(verifications.owner_of_user(user_id))


def personal_data(user_id: int) -> dict[str, Any]:
    """Return the user's own row, without the password's hash."""
    columns = (
        User.id, User.email, User.email_verified_at, User.phone_number, User.holds_number, User.phone_verified_at,
        User.phone_off_at, User.password_changed_at, User.password_verified_at, User.challenges_void_before,
        User.strangers_void_before, User.clients_known_since, User.locked_at, User.lock_reason,
        User.recovery_hold_until, User.erase_at, User.held_until, User.display_name, User.locale, User.created_at,
    )  # fmt: skip
    row = next(iter(rows_about(User.id == user_id, *columns)), {})
    return {**row, "email": None} if str(row.get("email", "")).startswith(RELEASED) else row


def shown_address() -> ColumnElement[str | None]:
    """Return, for a statement, the address as people see it: NULL after it was released."""
    return case((User.email.startswith(RELEASED, autoescape=True), None), else_=User.email).label("email")


def _change(user_id: int, event: str, client: ClientInfo, **values: Any) -> Account:
    with transaction():
        if execute(update(User).where(User.id == user_id).values(**values)).rowcount != 1:
            raise UserNotFound
        audit.record(event, user_id=user_id, client=client, at=clock.now())
        return get(user_id)


def _present(account: Account | None) -> Account:
    if account is None:
        raise UserNotFound
    return account
