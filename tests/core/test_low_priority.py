"""Threads that step back."""

import os
import threading

import pytest

from otp_service.core.crypto.low_priority import NICENESS, LowPriorityThreads


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_work_runs_with_a_lower_priority_and_leaves_the_callers_alone() -> None:
    before = niceness()
    assert LowPriorityThreads(1).run(niceness) == NICENESS
    assert niceness() == before


def test_what_the_work_raises_comes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        LowPriorityThreads(1).run(lambda: 1 // 0)
