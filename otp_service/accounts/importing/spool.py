"""Keeps checked users on disk until they are written, in a file without a name that ends with the process."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from tempfile import TemporaryFile
from types import TracebackType
from typing import Self

import orjson

from otp_service.accounts.importing.records import NewUser


class Spool:
    """A context manager: what was added can be read back, in order, until its end."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, user: NewUser) -> None:
        """Keep one more."""
        self._file.write(orjson.dumps(user, option=orjson.OPT_APPEND_NEWLINE))
        self.count += 1

    def batches(self, size: int) -> Iterator[list[NewUser]]:
        """All that were added, `size` at a time."""
        self._file.seek(0)
        while lines := list(islice(self._file, size)):
            yield [_user(line) for line in lines]


def _user(line: bytes) -> NewUser:
    values = orjson.loads(line)
    created_at = values.pop("created_at")
    return NewUser(**values, created_at=datetime.fromisoformat(created_at) if created_at else None)
