"""Stages valid users on disk until all are read, then writes them in one transaction."""

from array import array
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self

import orjson
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from otp_service import audit
from otp_service.accounts.importing.columns import SourceError
from otp_service.accounts.models import User
from otp_service.accounts.new_users import NewUser
from otp_service.core.database.transactions import transaction

BATCH = 1_000


class Staging:
    """A context manager over a file that keeps users in order: any number of them in little memory."""

    def __init__(self) -> None:
        # The file holds password hashes. It has no name, so even a killed process leaves no copy behind.
        self._file = TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, user: NewUser) -> None:
        """Append a user."""
        self._file.write(orjson.dumps(user, option=orjson.OPT_APPEND_NEWLINE))
        self.count += 1

    def batches(self, size: int) -> Iterator[list[NewUser]]:
        """Read all users back, `size` at a time."""
        self._file.seek(0)
        while lines := list(islice(self._file, size)):
            yield [_user(line) for line in lines]


def write(staged: Staging, *, now: datetime, facts: dict[str, Any], on_batch: Callable[[int], None]) -> None:
    """Insert all staged users, or none, with one audit event. `on_batch` gets the number written so far.

    Raises SourceError if one of the addresses or numbers was registered after the validation.
    """
    added: dict[bool, array[int]] = {True: array("q"), False: array("q")}
    written = 0
    try:
        with transaction() as session:
            for users in staged.batches(BATCH):
                # On the connection: the ORM would build an object for each user.
                columns = (User.id, User.phone_verified_at)
                rows = session.connection().execute(
                    insert(User).returning(*columns), [user.columns(now) for user in users]
                )
                for user_id, verified_at in rows:
                    added[verified_at is not None].append(user_id)
                written += len(users)
                on_batch(written)
            for is_verified, user_ids in added.items():
                # At the end: what reads the trail waits for an id that was given out and is not committed yet.
                audit.record_for_each("user.imported", user_ids, at=now, verified=is_verified)
            audit.record("users.imported", user_id=None, client=audit.COMMAND_LINE, at=now, imported=written, **facts)
    # The validation read the table without a lock, so a registration can come in between. The constraints decide.
    except IntegrityError as error:
        raise SourceError(
            "an address or a number of the source was registered during the import; "
            "nothing was imported, run the import again"
        ) from error


def _user(line: bytes) -> NewUser:
    values = orjson.loads(line)
    created_at = values.pop("created_at")
    return NewUser(**values, created_at=datetime.fromisoformat(created_at) if created_at else None)
