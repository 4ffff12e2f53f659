"""The bound on parallel hashes holds over processes, survives `kill -9`, and queues fairly and cheaply."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

from otp_service.core.crypto.hash_queue import HashQueue
from otp_service.core.crypto.hash_slots import (
    BURST,
    LOOKS_EVERY_SECONDS,
    NICENESS,
    HashSlots,
    LowPriorityThreads,
    SlotsBusy,
)
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
LONG_SECONDS = 60  # longer than any test should take; nothing here depends on how long
HEADER = """
import json, os, sys, threading, time
from contextlib import ExitStack
from pathlib import Path
from otp_service.core.crypto.hash_slots import NICENESS, HashSlots, LowPriorityThreads, SlotsBusy
from tests.waiting import wait_until
directory = Path(sys.argv[1])
"""
HOLDER = """
with HashSlots(directory, slots=1, max_waiting=0).hold():
    print("held", flush=True)
    sys.stdin.read()
"""
CROWD = """
slots = HashSlots(directory, slots=2, max_waiting=8, wait_seconds=60)
spans = []
def work():
    for _ in range(5):
        with slots.hold():
            began = time.monotonic_ns()
            time.sleep(0.002)
            spans.append((began, time.monotonic_ns()))
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(spans))
"""
FORK = """
slots = HashSlots(directory, slots=1, max_waiting=0)
def is_free():
    try:
        with slots.hold():
            return True
    except SlotsBusy:
        return False
def is_free_in_a_child():
    child = os.fork()
    if child == 0:
        os._exit(is_free())
    return bool(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
with slots.hold():
    seen = [is_free_in_a_child()]
seen.append(is_free_in_a_child())
with slots.hold():
    idle = os.fork()
    if idle == 0:
        time.sleep(60)
        os._exit(0)
seen.append(is_free())
os.kill(idle, 9)
os.waitpid(idle, 0)
print(json.dumps(seen))
"""
FORK_WHILE_OTHERS_WAIT = """
slots = HashSlots(directory, slots=1, max_waiting=1, wait_seconds=60)
def wait():
    with slots.hold(): pass
with slots.hold():
    waiter = threading.Thread(target=wait)
    waiter.start()
    while not slots.waiting: time.sleep(0.001)
    child = os.fork()
    if child == 0:
        os._exit(slots.waiting)
    left_in_child = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
waiter.join()
print(json.dumps([left_in_child, slots.waiting]))
"""
PATIENCE = """
slots = HashSlots(directory, slots=16, max_waiting=16, wait_seconds=1)
def wait():
    try:
        with slots.hold(): pass
    except SlotsBusy: pass
with ExitStack() as stack:
    for _ in range(16):
        stack.enter_context(slots.hold())
    before = time.process_time()
    threads = [threading.Thread(target=wait) for _ in range(16)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    print(json.dumps(time.process_time() - before))
"""


@contextmanager
def process(program: str, directory: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", HEADER + program, str(directory)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def answer(program: str, directory: Path) -> Any:
    with process(program, directory) as running:
        return json.loads(running.communicate(timeout=LONG_SECONDS)[0])


def read_line(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline().strip()


def is_free(slots: HashSlots) -> bool:
    try:
        with slots.hold():
            return True
    except SlotsBusy:
        return False


def until_waiting(slots: HashSlots, count: int) -> None:
    deadline = time.monotonic() + LONG_SECONDS
    while slots.waiting != count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def overlap(spans: list[list[int]]) -> int:
    """The largest number of spans that were open at one moment."""
    changes = sorted([(began, 1) for began, _ in spans] + [(ended, -1) for _, ended in spans])
    running = [0]
    for _, change in changes:
        running.append(running[-1] + change)
    return max(running)


def test_as_many_hold_a_slot_as_there_are_and_no_more(tmp_path: Path) -> None:
    slots = HashSlots(tmp_path, slots=3, max_waiting=0)

    with slots.hold(), slots.hold(), slots.hold():
        assert not is_free(slots)
    assert is_free(slots)


def test_a_slot_comes_back_when_the_work_in_it_fails(tmp_path: Path) -> None:
    slots = HashSlots(tmp_path, slots=1, max_waiting=0)

    with pytest.raises(ZeroDivisionError), slots.hold():
        raise ZeroDivisionError
    assert is_free(slots)


def test_kill_9_gives_the_slot_back(tmp_path: Path) -> None:
    slots = HashSlots(tmp_path, slots=1, max_waiting=0)

    with process(HOLDER, tmp_path) as holder:
        assert read_line(holder) == "held"
        assert not is_free(slots)
        holder.kill()
        holder.wait()
        assert is_free(slots)


def test_who_waits_gets_the_slot_of_a_killed_process(tmp_path: Path) -> None:
    slots = HashSlots(tmp_path, slots=1, max_waiting=1, wait_seconds=LONG_SECONDS)

    with process(HOLDER, tmp_path) as holder, ThreadPoolExecutor() as pool:
        assert read_line(holder) == "held"
        waiter = pool.submit(is_free, slots)
        until_waiting(slots, 1)
        holder.kill()
        assert waiter.result(LONG_SECONDS)


def test_processes_with_many_threads_together_keep_the_bound(tmp_path: Path) -> None:
    with ExitStack() as stack:
        crowd = [stack.enter_context(process(CROWD, tmp_path)) for _ in range(3)]
        spans = [span for each in crowd for span in json.loads(each.communicate(timeout=LONG_SECONDS)[0])]

    assert len(spans) == 3 * 4 * 5
    assert overlap(spans) <= 2


def test_parent_and_forked_child_share_the_bound_and_an_idle_child_keeps_no_slot(tmp_path: Path) -> None:
    while_parent_holds, after_release, despite_a_child_forked_meanwhile = answer(FORK, tmp_path)

    assert not while_parent_holds
    assert after_release
    assert despite_a_child_forked_meanwhile


def test_a_forked_child_starts_with_an_empty_queue(tmp_path: Path) -> None:
    assert answer(FORK_WHILE_OTHERS_WAIT, tmp_path) == [0, 0]


def test_threads_get_their_slot_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    slots = HashSlots(tmp_path, slots=1, max_waiting=6, wait_seconds=LONG_SECONDS)
    served = []

    def work(number: int) -> None:
        with slots.hold():
            served.append(number)

    with ThreadPoolExecutor(max_workers=6) as pool, slots.hold():
        for number in range(6):
            pool.submit(work, number)
            until_waiting(slots, number + 1)
            time.sleep(0.003)  # were all to look at the files, each would look at another moment
    assert served == list(range(6))


def test_a_newcomer_does_not_overtake_who_waits(tmp_path: Path) -> None:
    slots = HashSlots(tmp_path, slots=1, max_waiting=2, wait_seconds=LONG_SECONDS)
    served = []

    def work() -> None:
        with slots.hold():
            served.append("who waited")

    with ThreadPoolExecutor() as pool:
        for _ in range(5):
            with slots.hold():
                waiter = pool.submit(work)
                until_waiting(slots, 1)
            with slots.hold():
                served.append("newcomer")
            waiter.result(LONG_SECONDS)
    assert served == ["who waited", "newcomer"] * 5


def test_one_too_many_is_refused_at_once_and_told_so_as_503(tmp_path: Path) -> None:
    slots = HashSlots(tmp_path, slots=1, max_waiting=1, wait_seconds=LONG_SECONDS)

    with ThreadPoolExecutor() as pool, slots.hold():
        waiter = pool.submit(is_free, slots)
        until_waiting(slots, 1)
        with pytest.raises(SlotsBusy) as refusal, slots.hold():
            pass
        assert slots.waiting == 1
        assert not waiter.done()
    assert (refusal.value.status_code, refusal.value.code) == (503, "overloaded")


def test_all_who_waited_in_vain_leave_the_queue_empty(tmp_path: Path) -> None:
    slots = HashSlots(tmp_path, slots=1, max_waiting=4, wait_seconds=0.05)

    with slots.hold(), ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(is_free, [slots] * 4))
    assert outcomes == [False] * 4
    assert slots.waiting == 0
    assert is_free(slots)


@pytest.mark.timing
def test_sixteen_who_wait_a_second_burn_little_of_the_processor(tmp_path: Path) -> None:
    used_seconds = answer(PATIENCE, tmp_path)

    assert used_seconds < 0.17  # about 0.03; were all to look at the files it would be 0.34


def test_where_no_file_can_be_written_each_process_counts_for_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    slots = HashSlots(blocked / "slots", slots=2, max_waiting=0)

    with caplog.at_level(logging.WARNING), slots.hold(), slots.hold():
        assert not is_free(slots)
        assert not is_free(slots)
    assert is_free(slots)
    assert len(caplog.records) == 1


def test_the_queue_works_without_files_too(tmp_path: Path) -> None:
    slots = HashSlots(tmp_path / "gone", slots=1, max_waiting=1, wait_seconds=LONG_SECONDS)
    rmtree(tmp_path / "gone")

    with ThreadPoolExecutor() as pool:
        with slots.hold():
            waiter = pool.submit(is_free, slots)
            until_waiting(slots, 1)
        assert waiter.result(LONG_SECONDS)


def test_a_slot_that_is_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    (tmp_path / "hash-slot-0.lock").symlink_to(target)

    with HashSlots(tmp_path, slots=1, max_waiting=0).hold():
        pass
    assert not target.exists()


def test_a_place_is_refused_only_while_the_queue_is_full(tmp_path: Path) -> None:
    slots = HashSlots(tmp_path, slots=1, max_waiting=1)

    with slots.hold(), slots.place(), pytest.raises(SlotsBusy), slots.place():
        pass
    with slots.place() as place, slots.hold(place):
        pass


def test_a_place_that_is_not_used_is_free_again(tmp_path: Path) -> None:
    slots = HashSlots(tmp_path, slots=1, max_waiting=0)

    for _ in range(3):
        with slots.place():
            pass
    assert slots.queue.count() == 0


def test_with_one_unusable_file_no_more_hash_at_once_than_there_are_slots(tmp_path: Path) -> None:
    (tmp_path / "hash-slot-1.lock").symlink_to(tmp_path / "elsewhere")  # O_NOFOLLOW refuses it
    slots = HashSlots(tmp_path, slots=3, max_waiting=0)
    with slots.hold(), slots.hold(), slots.hold():
        assert not is_free(slots)
    assert is_free(slots)


def test_a_waiter_that_is_interrupted_leaves_the_slot_to_others(tmp_path: Path) -> None:
    slots = HashSlots(tmp_path, slots=1, max_waiting=1, wait_seconds=LONG_SECONDS)

    def interrupt(*_: object) -> None:
        raise InterruptedError

    def interrupt_the_waiter() -> None:
        wait_until(lambda: slots._line)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, interrupt)
    interrupting = threading.Thread(target=interrupt_the_waiter)
    try:
        with slots.hold():
            interrupting.start()
            with pytest.raises(InterruptedError), slots.hold():
                pass
    finally:
        interrupting.join()
        signal.signal(signal.SIGALRM, before)
    assert slots.waiting == 0
    assert is_free(HashSlots(tmp_path, slots=1, max_waiting=1, wait_seconds=LONG_SECONDS))


QUEUE = """
slots = HashSlots(directory, slots=1, max_waiting=3)
def wait():
    with slots.hold(): pass
for _ in range(3): threading.Thread(target=wait).start()
while slots.waiting < 3: time.sleep(0.001)
print("waiting", flush=True)
sys.stdin.read()
"""


def test_the_queues_of_all_processes_count_until_a_process_is_killed(tmp_path: Path) -> None:
    slots = HashSlots(tmp_path, slots=1, max_waiting=1, wait_seconds=15, guess_seconds=lambda: 10.0)

    with slots.hold(), process(QUEUE, tmp_path) as others:
        assert read_line(others) == "waiting"
        assert slots.seconds_ahead == 30.0
        with pytest.raises(SlotsBusy) as refusal, slots.place():
            pass
        others.kill()
        others.wait()
        time.sleep(LOOKS_EVERY_SECONDS)
        with slots.place():
            pass
        assert slots.seconds_ahead == 0.0
    assert refusal.value.headers == {"Retry-After": "30"}


def test_a_crowd_may_wait_twice_as_long_as_more_may(tmp_path: Path) -> None:
    slots = HashSlots(tmp_path, slots=1, max_waiting=100, wait_seconds=10, guess_seconds=lambda: 0.5)

    with ExitStack() as places:
        taken = [places.enter_context(slots.place()) for _ in range(BURST)]
        with pytest.raises(SlotsBusy), slots.place():
            pass
    assert len(taken) == BURST


def test_of_two_processes_that_wait_the_one_with_the_older_caller_goes_first(tmp_path: Path) -> None:
    mine, theirs = (HashQueue(tmp_path, cost=4, guess_seconds=lambda: 1.0) for _ in range(2))

    mine.publish(waiting=2, since=100.0)
    theirs.publish(waiting=1, since=50.0)

    assert mine.has_older(100.0)
    assert not theirs.has_older(50.0)


def test_the_time_of_a_hash_follows_what_is_measured_and_starts_again_with_another_cost(tmp_path: Path) -> None:
    queue = HashQueue(tmp_path, cost=4, guess_seconds=lambda: 1.0)

    assert queue.hash_seconds == 1.0
    for _ in range(50):
        queue.note_hash(3.0)
    assert HashQueue(tmp_path, cost=4, guess_seconds=lambda: 1.0).hash_seconds == pytest.approx(3.0, abs=0.01)
    assert HashQueue(tmp_path, cost=5, guess_seconds=lambda: 2.0).hash_seconds == 2.0


def test_a_caller_who_hung_up_makes_room_for_others(tmp_path: Path) -> None:
    slots, is_there = HashSlots(tmp_path, slots=1, max_waiting=1), threading.Event()
    is_there.set()

    def wait() -> str:
        try:
            with slots.place(is_there.is_set) as place, slots.hold(place):
                return "held"
        except SlotsBusy:
            return "gone"

    with ThreadPoolExecutor() as pool, slots.hold():
        waiter = pool.submit(wait)
        until_waiting(slots, 1)
        with pytest.raises(SlotsBusy), slots.place():
            pass
        is_there.clear()
        time.sleep(LOOKS_EVERY_SECONDS)
        with slots.place():
            pass
        assert waiter.result(LONG_SECONDS) == "gone"


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_work_runs_with_a_lower_priority_and_leaves_the_callers_alone() -> None:
    before = niceness()
    assert LowPriorityThreads(1).run(niceness) == NICENESS
    assert niceness() == before


def test_what_the_work_raises_comes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        LowPriorityThreads(1).run(lambda: 1 // 0)
