"""Events to an application's callback: the question before a start, the news after it."""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from otp_service.simulator.callback_post import post, sign_letter
from otp_service.simulator.clock import Clock
from otp_service.simulator.faults import FaultBox, Kind
from otp_service.simulator.settings import SimulatorSettings
from otp_service.simulator.verdict import INVALID, Verdict, read_verdict
from otp_service.simulator.verification import Method

QUEUE_LENGTH = 10_000
TICK_SECONDS = 0.25
_SERVER_ERRORS = range(500, 600)

logger = logging.getLogger(__name__)


class Callbacks:
    """Asks at once, tells later: news goes out one by one from a thread of its own.

    That thread calls `on_tick` four times a second, so that what expires unreported is told as well.
    """

    def __init__(
        self, settings: SimulatorSettings, clock: Clock, faults: FaultBox, on_tick: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._faults = faults
        self._on_tick = on_tick
        self._queue: queue.Queue[tuple[dict[str, Any], int] | None] = queue.Queue(QUEUE_LENGTH)
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self.url: str | None = None
        if settings.callback_url:
            self.send_to(settings.callback_url)

    def send_to(self, url: str | None) -> None:
        """Post to `url` from now on; None stops posting."""
        self.url = url
        if url and not self._thread:
            self._thread = threading.Thread(target=self._work, daemon=True, name="sinch-callbacks")
            self._thread.start()

    def ask(self, event: dict[str, Any], method: Method) -> Verdict:
        """May this start go on? Yes, where no callback is set. Answers after all tries at the latest."""
        if not self.url:
            return Verdict()
        fault = self._faults.take_callback("start", event["identity"]["endpoint"])
        if fault is Kind.CALLBACK_LOST:
            return INVALID
        status, body = self._posted(event, copies=2 if fault is Kind.CALLBACK_TWICE else 1)
        return read_verdict(status, body, method)

    def tell(self, event: dict[str, Any], operation: str) -> None:
        """Post the event soon; `operation` is the one whose faults apply to it."""
        if not self.url:
            return
        fault = self._faults.take_callback(operation, event["identity"]["endpoint"])
        if fault is Kind.CALLBACK_LOST:
            return
        try:
            self._queue.put_nowait((event, 2 if fault is Kind.CALLBACK_TWICE else 1))
        except queue.Full:
            logger.warning("The callback does not keep up: an event was dropped")

    def wait(self, timeout_seconds: float) -> bool:
        """Whether all news was posted (or given up) within the time."""
        deadline = time.monotonic() + timeout_seconds
        while self._queue.unfinished_tasks:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.002)
        return True

    def close(self) -> None:
        """Stop telling; what is queued is dropped."""
        self._closing.set()
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)  # wakes the thread up
        if self._thread:
            self._thread.join(self._settings.callback_timeout_seconds + TICK_SECONDS)

    def _work(self) -> None:
        while not self._closing.is_set():
            try:
                news = self._queue.get(timeout=TICK_SECONDS)
            except queue.Empty:
                self._on_tick()
                continue
            if news is None:
                return
            try:
                self._posted(*news)
            except Exception:
                logger.exception("An event could not be posted")
            finally:
                self._queue.task_done()

    def _posted(self, event: dict[str, Any], copies: int) -> tuple[int, bytes]:
        """Post, trying again as the settings say; status 0 when nobody answered. Copies are the same bytes."""
        answer = (0, b"")
        for attempt in range(1 + self._settings.callback_retries):
            if attempt and self._closing.wait(self._settings.callback_retry_delay_seconds):
                break
            letter = sign_letter(self.url or "", event, self._settings, self._clock)
            try:
                answer = post(letter, self._settings.callback_timeout_seconds)
                for _ in range(copies - 1):
                    post(letter, self._settings.callback_timeout_seconds)
            except OSError as error:
                logger.info("The callback did not answer: %s", type(error).__name__)
                continue
            if answer[0] not in _SERVER_ERRORS:
                break
        return answer
