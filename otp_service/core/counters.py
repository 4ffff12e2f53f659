"""Counters that must hold: they live in the database, so that no crash, restart or flushed cache forgets a try."""

from datetime import datetime, timedelta

from sqlalchemy import Integer, String, bindparam, delete, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from otp_service.core.database.transactions import UtcDateTime, execute, fetch_one, transaction
from otp_service.extensions import Model


class Counter(Model):
    """How often `name` happened to `subject` since the window opened. Subjects of people are keyed hashes or ids."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    subject: Mapped[str] = mapped_column(String(80), primary_key=True)
    window_started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    count: Mapped[int] = mapped_column(Integer)


# As text, since SQLAlchemy compiles a statement with ON CONFLICT anew each time that it runs.
_TAKE = text(
    """
    INSERT INTO counters AS t (name, subject, window_started_at, count) VALUES (:name, :subject, :now, 1)
    ON CONFLICT (name, subject) DO UPDATE SET
        count = CASE
            WHEN t.window_started_at <= :cutoff OR t.count = 0 THEN 1 ELSE t.count + 1 END,
        window_started_at = CASE
            WHEN t.window_started_at <= :cutoff OR t.count = 0 OR t.window_started_at > :now
            THEN :now ELSE t.window_started_at END
    WHERE t.window_started_at <= :cutoff OR t.count = 0 OR t.count < :limit
    """
).bindparams(bindparam("now", type_=UtcDateTime), bindparam("cutoff", type_=UtcDateTime))


def take(name: str, subject: str, *, limit: int, window_seconds: int, now: datetime) -> bool:
    """Count one more, unless `limit` is reached in the window that the first count opened. One statement decides.

    A window never starts later than a count in it, whatever the order in which parallel requests arrive: `give_back`
    relies on that.
    """
    cutoff = now - timedelta(seconds=window_seconds)
    values = {"name": name, "subject": subject, "now": now, "cutoff": cutoff, "limit": limit}
    return execute(_TAKE, values).rowcount == 1


def seconds_until_open(name: str, subject: str, *, window_seconds: int, now: datetime) -> float:
    """Seconds until the window of a full counter ends."""
    row = fetch_one(select(Counter.window_started_at).where(Counter.name == name, Counter.subject == subject))
    return max(1.0, (row[0] + timedelta(seconds=window_seconds) - now).total_seconds()) if row else 1.0


def give_back(name: str, subject: str, *, taken_at: datetime) -> None:
    """Undo the count taken at `taken_at`: what it stood for did not happen. A later window is left alone."""
    is_same_window = (Counter.name == name) & (Counter.subject == subject) & (Counter.window_started_at <= taken_at)
    execute(update(Counter).where(is_same_window, Counter.count > 0).values(count=Counter.count - 1))


def clear(name: str, subject: str) -> None:
    """Forget the counter."""
    execute(delete(Counter).where(Counter.name == name, Counter.subject == subject))


def clear_all(subject: str) -> None:
    """Forget every counter of a subject, in the open transaction."""
    execute(delete(Counter).where(Counter.subject == subject))


def forget(before: datetime) -> int:
    """Delete the counters whose window opened before a time; how many there were. No window is longer than a day."""
    with transaction():
        return int(execute(delete(Counter).where(Counter.window_started_at < before)).rowcount)
