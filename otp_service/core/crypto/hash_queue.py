"""What the processes of a machine know about each other's queues for password hashes: one mapped file (ADR 22)."""

import mmap
import os
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from otp_service.core.crypto.file_locks import try_lock

ENTRIES = 1024
"""More processes than this on one machine do not see each other's queues."""

_BYTES = 8
_NUMBERS = 2 + 2 * ENTRIES
_SECONDS = 0
_COST = 1
_WEIGHT = 0.2
"""The share of the newest hash in the average: the speed of a machine changes within seconds."""

_CLOSE_SECONDS = 0.005
"""Callers that arrived within this time count as arrived together: to pass a slot on has a cost too."""


class HashQueue:
    """The queue of this process, as the others see it, and the queues of the others.

    Every process has an entry: how many callers wait, and when the first of them arrived (on the monotonic clock, which
    is the machine's). It claims the entry with the lock on a file, which the kernel frees if the process dies. Numbers
    are read without a lock: one that is a moment old only makes an estimate a little worse.
    """

    def __init__(self, directory: Path, *, cost: int, guess_seconds: Callable[[], float]) -> None:
        """`guess_seconds` returns about how long a hash at `cost` takes, until the first one was measured."""
        self._directory = directory
        self._guess_seconds = guess_seconds
        self._numbers: memoryview[float] = _map(directory)
        self._entry: int | None = None
        self._giving_back: weakref.finalize[..., HashQueue] | None = None
        if self._numbers[_COST] != cost:  # what was measured belongs to another cost
            self._numbers[_SECONDS], self._numbers[_COST] = 0.0, cost

    def forget_claim(self) -> None:
        """Start without an entry: in a forked child, the entry is the parent's."""
        self._entry = None
        if self._giving_back is not None:
            self._giving_back.detach()

    def publish(self, *, waiting: int, since: float | None) -> None:
        """Let the others see how many callers of this process wait, and since when the first one in the queue does."""
        if self._entry is None:
            self._entry = self._claim_entry()
        self._write(self._entry, waiting, since)

    def count(self) -> int:
        """Return how many callers wait, over all processes."""
        return int(sum(self._numbers[2::2].tolist()))

    def has_older(self, than: float) -> bool:
        """Return whether a caller of another live process came clearly before `than`."""
        limit = than - _CLOSE_SECONDS
        older = [n for n, since in enumerate(self._numbers[3::2].tolist()) if 0 < since < limit and n != self._entry]
        return any(not self._forget_if_dead(entry) for entry in older)

    def forget_the_dead(self) -> None:
        """Stop counting the callers of processes that were killed."""
        for entry, waiting in enumerate(self._numbers[2::2].tolist()):
            if waiting and entry != self._entry:
                self._forget_if_dead(entry)

    @property
    def hash_seconds(self) -> float:
        """How long a hash takes in its slot: a running average over all processes."""
        if not self._numbers[_SECONDS]:
            self._numbers[_SECONDS] = self._guess_seconds()
        return self._numbers[_SECONDS]

    def note_hash(self, seconds: float) -> None:
        """Add a hash to the average."""
        before = self._numbers[_SECONDS]
        self._numbers[_SECONDS] = before + _WEIGHT * (seconds - before) if before else seconds

    def _claim_entry(self) -> int:
        try:
            for entry in range(ENTRIES):
                claim = try_lock(self._lock_of(entry))
                if claim is not None:
                    self._giving_back = weakref.finalize(self, claim)
                    self._giving_back.atexit = False  # the kernel does it then
                    return entry
        except OSError:
            pass  # the slots cannot use the folder either, and log it
        self._numbers = memoryview(bytearray(_NUMBERS * _BYTES)).cast("d")
        return 0

    def _forget_if_dead(self, entry: int) -> bool:
        with suppress(OSError):
            claim = try_lock(self._lock_of(entry))
            if claim is not None:
                self._write(entry, 0, None)
                claim()
                return True
        return False

    def _lock_of(self, entry: int) -> Path:
        return self._directory / f"hash-queue-{entry}.lock"

    def _write(self, entry: int, waiting: int, since: float | None) -> None:
        self._numbers[2 + 2 * entry] = waiting
        self._numbers[3 + 2 * entry] = since or 0.0


def _map(directory: Path) -> "memoryview[float]":
    """Map the file; where that is impossible, memory that forked children share."""
    size = _NUMBERS * _BYTES
    try:
        file = os.open(directory / "hash-queue", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(file).st_size < size:
                os.ftruncate(file, size)
            return memoryview(mmap.mmap(file, size)).cast("d")
        finally:
            os.close(file)
    except (OSError, ValueError):
        return memoryview(mmap.mmap(-1, size)).cast("d")
