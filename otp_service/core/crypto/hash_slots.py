"""A bound on how many password hashes run at once, over all worker processes of this machine."""

import fcntl
import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, overload

from otp_service.core.errors import Unavailable

GiveBack = Callable[[], None]
_Turn = Future[GiveBack]
_log = logging.getLogger(__name__)
_known: "weakref.WeakSet[HashSlots]" = weakref.WeakSet()


class SlotsBusy(Unavailable):
    """503: too many wait already, or no slot came free in time. Nothing was hashed."""

    code = "overloaded"
    title = "The service is busy. Try again in a moment."


class HashSlots:
    """Every slot is a file: who holds its flock holds the slot, and the kernel takes it back from the dead.

    Make it before the workers are forked, or one in each. A lock belongs to an open file, so each holder opens its
    own: an inherited one would let a child in beside its parent. In a process callers queue in order; of the processes
    that wait for a slot each gets it in turn.
    A file that cannot be used counts in each process by itself, and the log says so once.
    """

    def __init__(self, directory: Path, *, slots: int, max_waiting: int, wait_seconds: float = 0.8) -> None:
        """At most `max_waiting` callers of a process wait: fewer than its threads, so that /health finds one free."""
        self._files = [directory / f"hash-slot-{number}.lock" for number in range(slots)]
        self._max_waiting = max_waiting
        self._wait_seconds = wait_seconds
        self._has_warned = False
        self._start_afresh()
        _known.add(self)
        with suppress(OSError):  # met again, and told of, at the first use
            directory.mkdir(parents=True, exist_ok=True)

    @property
    def waiting(self) -> int:
        """How many callers of this process wait now."""
        return len(self._queue)

    def refuse_when_full(self) -> None:
        """Raise SlotsBusy while as many wait as may: ask before doing anything that `hold` would make vain."""
        with self._lock:
            if self._queue and len(self._queue) >= self._max_waiting:
                raise SlotsBusy

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Have a slot for the length of the block. Raises SlotsBusy."""
        give_back = self._enter()
        try:
            yield
        finally:
            give_back()

    def _start_afresh(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[_Turn] = deque()
        self._sought: set[Path] = set()
        self._stand_ins = {path: threading.Lock() for path in self._files}

    def _enter(self) -> GiveBack:
        turn: _Turn = Future()
        with self._lock:
            if not self._queue and (give_back := self._try()):
                return give_back
            if len(self._queue) >= self._max_waiting:
                raise SlotsBusy
            self._seek()
            self._queue.append(turn)
        try:
            return turn.result(self._wait_seconds)  # a real wait, whatever a clock set by hand says
        except TimeoutError as error:
            if give_back := self._leave(turn):  # at the last moment
                return give_back
            raise SlotsBusy from error
        except BaseException:
            if give_back := self._leave(turn):
                give_back()
            raise

    def _leave(self, turn: _Turn) -> GiveBack | None:
        """Wait no more; what was handed over already, if anything was."""
        with self._lock:
            if turn.done():
                return turn.result()
            self._queue.remove(turn)
            return None

    def _try(self) -> GiveBack | None:
        for path in self._files:
            if give_back := self._take(path, is_patient=False):
                return give_back
        return None

    def _seek(self) -> None:
        """Have a thread for every slot wait for it: only a thread of its own can wait for a lock that has no time-out.

        Waiting in the kernel costs nothing, ends at the moment of the release, and is in turn among processes.
        """
        for path in self._files:
            if path not in self._sought:
                thread = threading.Thread(target=self._serve, args=(path,), daemon=True, name=f"seeks {path.stem}")
                try:
                    thread.start()
                except RuntimeError as error:  # the machine has no more threads
                    raise SlotsBusy from error
                self._sought.add(path)

    def _serve(self, path: Path) -> None:
        """Hand a slot to those who wait, as often as it can be had, until nobody waits."""
        while True:
            give_back = self._take(path, is_patient=True)
            with self._lock:
                if not self._queue:
                    self._sought.discard(path)
                    break
                self._queue.popleft().set_result(give_back)
        give_back()

    @overload
    def _take(self, path: Path, *, is_patient: Literal[True]) -> GiveBack: ...
    @overload
    def _take(self, path: Path, *, is_patient: Literal[False]) -> GiveBack | None: ...
    def _take(self, path: Path, *, is_patient: bool) -> GiveBack | None:
        try:
            return _lock_file(path, is_patient=is_patient)
        except OSError as error:
            if not self._has_warned:
                self._has_warned = True
                _log.warning("hash slots unusable, each process counts its own", extra={"reason": str(error)})
            stand_in = self._stand_ins[path]
            return stand_in.release if stand_in.acquire(blocking=is_patient) else None


def _lock_file(path: Path, *, is_patient: bool) -> GiveBack | None:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if is_patient else fcntl.LOCK_NB))
    except OSError as error:
        os.close(file)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return lambda: _unlock(file)


def _unlock(file: int) -> None:
    fcntl.flock(file, fcntl.LOCK_UN)  # closing alone would leave it to a child forked meanwhile
    os.close(file)


def _forget_the_parent() -> None:
    for slots in list(_known):  # those who wait or hold in the parent do not exist in a forked child
        slots._start_afresh()


os.register_at_fork(after_in_child=_forget_the_parent)
