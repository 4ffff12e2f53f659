"""Bounds password hashes over all worker processes of this machine; callers wait their turn, up to a limit (ADR 22)."""

import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar, overload

from otp_service.core.crypto.file_locks import GiveBack, lock, try_lock
from otp_service.core.crypto.hash_queue import HashQueue
from otp_service.core.errors import Unavailable

NICENESS = 10
BURST = 32
"""Callers for each slot that may wait though the queue takes longer than it should: a burst on a slow machine."""

PATIENCE = 2
"""Such a burst, and a caller who was promised a shorter wait, waits this many times longer than a queue should take."""

_PASSES = 3
_PASS_SECONDS = 0.001
LOOKS_EVERY_SECONDS = 0.1

T = TypeVar("T")
_log = logging.getLogger(__name__)
_known: "weakref.WeakSet[HashSlots]" = weakref.WeakSet()


class SlotsBusy(Unavailable):
    """503: the queue is too long, or no slot became free in time. No password was hashed."""

    code = "overloaded"
    title = "The service is busy. Try again in a moment."
    held_seconds = 0.75


def _gone() -> SlotsBusy:
    """Return what ends the wait of a caller who hung up: no password is hashed, and the response reaches no person."""
    _log.info("hash.caller_gone")
    return SlotsBusy()


def _is_always_wanted() -> bool:
    return True


@dataclass(eq=False, slots=True)
class Place:
    """A caller's place in the queue. `is_wanted` says whether the caller still waits for the result."""

    is_wanted: Callable[[], bool] = _is_always_wanted
    arrived_at: float = field(default_factory=time.monotonic)
    turn: "Future[GiveBack]" = field(default_factory=Future)


class HashSlots:
    """Every slot is a file. The process that holds its lock holds the slot; the kernel frees it if the process dies.

    Make it before the workers are forked, or one in each. Callers are served in the order in which they came, over all
    processes: a process that gets a slot passes it on if the first caller of another process came earlier.
    If a file cannot be used, each process counts by itself, and the log has one line about it.
    """

    def __init__(
        self,
        directory: Path,
        *,
        slots: int,
        max_waiting: int,
        wait_seconds: float = 12.0,
        cost: int = 0,
        guess_seconds: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Refuse callers while the queue of all processes takes `wait_seconds` or longer (see BURST, PATIENCE).

        At most `max_waiting` callers of a process wait: fewer than its threads, so that /health finds one.
        `guess_seconds` says about how long a hash at `cost` takes, until one was measured.
        """
        self._files = [directory / f"hash-slot-{number}.lock" for number in range(slots)]
        self._max_waiting = max_waiting
        self._wait_seconds = wait_seconds
        self._has_warned = False
        with suppress(OSError):  # the first use meets the error again, and logs it
            directory.mkdir(parents=True, exist_ok=True)
        self.queue = HashQueue(directory, cost=cost, guess_seconds=guess_seconds)
        self._reset()
        _known.add(self)

    @property
    def waiting(self) -> int:
        """How many callers of this process wait now."""
        return len(self._line)

    @property
    def seconds_ahead(self) -> float:
        """How long the callers who wait now, in all processes, keep the slots busy."""
        waiting = self.queue.count()
        return waiting * self.queue.hash_seconds / len(self._files) if waiting else 0.0

    @contextmanager
    def place(self, is_wanted: Callable[[], bool] = _is_always_wanted) -> Iterator[Place]:
        """Take a place in the queue before any work that a refusal would waste; `hold` it. Raises SlotsBusy."""
        place = Place(is_wanted)
        with self._lock:
            self._require_room()
            self._coming.add(place)
            self._publish()
        try:
            yield place
        finally:
            with self._lock:
                self._vacate(place)

    @contextmanager
    def hold(self, place: Place | None = None) -> Iterator[None]:
        """Hold a slot for the length of the block. Raises SlotsBusy."""
        if place is None:
            with self.place() as taken, self.hold(taken):
                yield
            return
        give_back = self._enter(place)
        if not place.is_wanted():
            give_back()
            raise _gone()
        started = time.monotonic()
        try:
            yield
            self.queue.note_hash(time.monotonic() - started)
        finally:
            give_back()

    def require_room(self) -> None:
        """Refuse a caller without a place, before any other work. Raises SlotsBusy."""
        with self._lock:
            self._require_room()

    def _require_room(self) -> None:
        if self._is_full() and not (self._drop_the_gone() and not self._is_full()):
            raise SlotsBusy(retry_after_seconds=self.seconds_ahead)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._line: deque[Place] = deque()
        self._coming: set[Place] = set()
        self._sought: set[Path] = set()
        self._stand_ins = {path: threading.Lock() for path in self._files}
        self._looked_at = 0.0
        self.queue.forget_claim()

    def _is_full(self) -> bool:
        slots = len(self._files)
        if len(self._coming) + len(self._line) >= max(self._max_waiting, slots):
            return True
        longest = self._wait_seconds * (PATIENCE if self.queue.count() < BURST * slots else 1)
        return 0 < longest <= self.seconds_ahead

    def _drop_the_gone(self) -> bool:
        """Let callers who hung up, and killed processes, keep no place. Not at each refusal: a flood has many."""
        if time.monotonic() - self._looked_at < LOOKS_EVERY_SECONDS:
            return False
        self._looked_at = time.monotonic()
        self.queue.forget_the_dead()
        for place in [place for place in self._line if not place.is_wanted()]:
            self._line.remove(place)
            place.turn.set_exception(_gone())
        self._publish()
        return True

    def _enter(self, place: Place) -> GiveBack:
        try:
            # `join` stands inside: a caller who is interrupted right after it must leave the queue as well.
            return self._join(place) or place.turn.result(self._wait_seconds * PATIENCE)  # real time, also in tests
        except TimeoutError as error:
            if give_back := self._leave(place):  # the slot came at the last moment
                return give_back
            raise SlotsBusy(retry_after_seconds=self.seconds_ahead) from error
        except SlotsBusy:
            raise
        except BaseException:
            if give_back := self._leave(place):
                give_back()
            raise

    def _join(self, place: Place) -> GiveBack | None:
        """Take a free slot and return it, or join the queue."""
        with self._lock:
            # Callers in a queue come first: a newcomer takes a free slot only if there is none, in any process.
            if not self._line and not self.queue.has_older(place.arrived_at) and (give_back := self._try()):
                self._vacate(place)
                return give_back
            if len(self._line) >= self._max_waiting:
                raise SlotsBusy(retry_after_seconds=self.seconds_ahead)
            self._seek()
            self._vacate(place)
            self._line.append(place)
            self._publish()
            return None

    def _vacate(self, place: Place) -> None:
        if place in self._coming:
            self._coming.remove(place)
            self._publish()

    def _leave(self, place: Place) -> GiveBack | None:
        """Leave the queue. Returns the slot that was handed over meanwhile, if any: the caller must give it back."""
        with self._lock:
            if place.turn.done():
                return place.turn.result()
            if place in self._line:
                self._line.remove(place)
                self._publish()
            return None

    def _publish(self) -> None:
        since = self._line[0].arrived_at if self._line else None
        self.queue.publish(waiting=len(self._coming) + len(self._line), since=since)

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
                    raise SlotsBusy(retry_after_seconds=self.seconds_ahead) from error
                self._sought.add(path)

    def _serve(self, path: Path) -> None:
        """Hand a slot to the first in the queue, again and again until the queue is empty."""
        while True:
            give_back = self._take_in_turn(path)
            with self._lock:
                place = self._next()
                # Under the lock: a caller that joins the queue after this look starts a new thread for the slot.
                if place is None:
                    self._sought.discard(path)
                    break
                place.turn.set_result(give_back)
        give_back()

    def _next(self) -> Place | None:
        """Take the first caller who still waits off the queue: a hash for one who hung up would help no one."""
        found = None
        while self._line and found is None:
            place = self._line.popleft()
            if place.is_wanted():
                found = place
            else:
                place.turn.set_exception(_gone())
        self._publish()
        return found

    def _take_in_turn(self, path: Path) -> GiveBack:
        """Wait for a slot. While another process has an older caller, who waits for the same lock, pass it on.

        A lock that is released goes to any process that waits for it. Without this, the callers of the process with
        the longer queue would wait longer.
        """
        for _ in range(_PASSES):  # not for ever: the other process may have been stopped
            give_back = self._take(path, is_patient=True)
            with self._lock:
                is_mine = not self._line or not self.queue.has_older(self._line[0].arrived_at)
            if is_mine:
                return give_back
            give_back()
            time.sleep(_PASS_SECONDS)
        return self._take(path, is_patient=True)

    @overload
    def _take(self, path: Path, *, is_patient: Literal[True]) -> GiveBack: ...
    @overload
    def _take(self, path: Path, *, is_patient: Literal[False]) -> GiveBack | None: ...
    def _take(self, path: Path, *, is_patient: bool) -> GiveBack | None:
        try:
            return lock(path) if is_patient else try_lock(path)
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


def _forget_the_parent() -> None:
    for slots in list(_known):  # the callers that wait or hold in the parent do not exist in a forked child
        slots._reset()


os.register_at_fork(after_in_child=_forget_the_parent)
