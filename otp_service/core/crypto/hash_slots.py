"""Bounds password hashes over all worker processes of this machine, and runs them at a low priority (ADR 16)."""

import fcntl
import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, TypeVar, overload

from otp_service.core.errors import Unavailable

NICENESS = 10

T = TypeVar("T")
GiveBack = Callable[[], None]
_Turn = Future[GiveBack]
_log = logging.getLogger(__name__)
_known: "weakref.WeakSet[HashSlots]" = weakref.WeakSet()


class SlotsBusy(Unavailable):
    """503: too many callers wait already, or no slot became free in time. No password was hashed."""

    code = "overloaded"
    title = "The service is busy. Try again in a moment."


class HashSlots:
    """Every slot is a file. The process that holds its flock holds the slot; the kernel frees it if the process dies.

    Make it before the workers are forked, or one in each. Within a process, callers queue in order. Among processes
    that wait for a slot, the kernel serves each in turn.
    If a file cannot be used, each process counts by itself, and the log has one line about it.
    """

    def __init__(self, directory: Path, *, slots: int, max_waiting: int, wait_seconds: float = 0.8) -> None:
        """Let at most `max_waiting` callers of a process wait: fewer than its threads, so that /health finds one."""
        self._files = [directory / f"hash-slot-{number}.lock" for number in range(slots)]
        self._max_waiting = max_waiting
        self._wait_seconds = wait_seconds
        self._has_warned = False
        self._reset()
        _known.add(self)
        with suppress(OSError):  # the first use meets the error again, and logs it
            directory.mkdir(parents=True, exist_ok=True)

    @property
    def waiting(self) -> int:
        """How many callers of this process wait now."""
        return len(self._queue)

    def refuse_when_full(self) -> None:
        """Raise SlotsBusy if as many wait as may. Call it before any work that a SlotsBusy of `hold` would waste."""
        with self._lock:
            if self._queue and len(self._queue) >= self._max_waiting:
                raise SlotsBusy

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold a slot for the length of the block. Raises SlotsBusy."""
        give_back = self._enter()
        try:
            yield
        finally:
            give_back()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[_Turn] = deque()
        self._sought: set[Path] = set()
        self._stand_ins = {path: threading.Lock() for path in self._files}

    def _enter(self) -> GiveBack:
        turn: _Turn = Future()
        with self._lock:
            # Callers in the queue come first: a newcomer takes a free slot only if there is no queue.
            if not self._queue and (give_back := self._try()):
                return give_back
            if len(self._queue) >= self._max_waiting:
                raise SlotsBusy
            self._seek()
            self._queue.append(turn)
        try:
            return turn.result(self._wait_seconds)  # real time, even if a test moves the clock
        except TimeoutError as error:
            if give_back := self._leave(turn):  # the slot came at the last moment
                return give_back
            raise SlotsBusy from error
        except BaseException:
            if give_back := self._leave(turn):
                give_back()
            raise

    def _leave(self, turn: _Turn) -> GiveBack | None:
        """Leave the queue. Returns the slot that was handed over meanwhile, if any: the caller must give it back."""
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
        """Start a thread for every slot, which waits in the kernel: without cost, until the release.

        A lock has no time-out, so the callers cannot wait for it themselves.
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
        """Hand a slot to the first in the queue, again and again until the queue is empty."""
        while True:
            give_back = self._take(path, is_patient=True)
            with self._lock:
                # Under the lock: a caller that joins the queue after this look starts a new thread for the slot.
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


class LowPriorityThreads:
    """A few threads with a lower priority than those that serve requests.

    Without it, password hashes on all cores make /health wait for the scheduler. On Linux each thread has its own
    niceness, which only rises without privileges; so these threads do no other work. They start with the first call,
    hence in each worker after the fork.
    """

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="low-priority", initializer=_step_back)

    def run(self, act: Callable[[], T]) -> T:
        """Return what `act` returns, or raise what it raises, computed in one of the threads."""
        return self._pool.submit(act).result()


def _step_back() -> None:
    with suppress(OSError):  # where threads have no niceness of their own, they share the process's
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _lock_file(path: Path, *, is_patient: bool) -> GiveBack | None:
    # A lock belongs to an open file, so each holder opens its own: a child would share an inherited one.
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
    fcntl.flock(file, fcntl.LOCK_UN)  # closing alone would leave the lock to a child forked meanwhile
    os.close(file)


def _forget_the_parent() -> None:
    for slots in list(_known):  # the callers that wait or hold in the parent do not exist in a forked child
        slots._reset()


os.register_at_fork(after_in_child=_forget_the_parent)
