"""The machine's own limit: how many bcrypt hashes all of its cores together make in a second."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import bcrypt

COST = 12
HASHES_PER_FLOW = 2  # one to register, one to sign in


def measure(seconds: float, *, cost: int = COST) -> float:
    """Hashes a second, with as many threads as cores; bcrypt works without Python's lock."""
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(_rate, [seconds] * threads, [cost] * threads))


def _rate(seconds: float, cost: int) -> float:
    """One thread's own hashes a second, without the last one's overshoot being lost."""
    salt = bcrypt.gensalt(cost)
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        bcrypt.hashpw(b"benchmark", salt)
        count += 1
    return count / (time.perf_counter() - started)
