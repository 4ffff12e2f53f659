"""Locks between processes that the kernel frees when their holder dies: flock on a file of its own."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

GiveBack = Callable[[], None]


def lock(path: Path) -> GiveBack:
    """Wait for the lock; return what gives it back. Raises OSError if the file cannot be used."""
    return _lock(path, 0)


def try_lock(path: Path) -> GiveBack | None:
    """Take the lock if it is free now. Raises OSError if the file cannot be used."""
    try:
        return _lock(path, fcntl.LOCK_NB)
    except BlockingIOError:
        return None


def _lock(path: Path, how: int) -> GiveBack:
    # A lock belongs to an open file, so each holder opens its own: a child would share an inherited one.
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | how)
    except OSError:
        os.close(file)
        raise
    return lambda: _unlock(file)


def _unlock(file: int) -> None:
    fcntl.flock(file, fcntl.LOCK_UN)  # closing alone would leave the lock to a child forked meanwhile
    os.close(file)
