"""Post signed events to an application's callback: the question before a start, and what happened after it."""

import contextlib
import http.client
import json
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from otp_service.simulator.clock import Clock, seven_decimals
from otp_service.simulator.http.authorization import SignedParts, signature
from otp_service.simulator.http.errors import ApiError
from otp_service.simulator.http.request_response import JSON_TYPE
from otp_service.simulator.provider.faults import FaultBox, Kind
from otp_service.simulator.provider.request_bodies import MessageOptions, read_object, read_options, section_of
from otp_service.simulator.provider.verification import Method, Reason
from otp_service.simulator.settings import SimulatorSettings

QUEUE_LENGTH = 10_000  # a receiver that is down for long must not fill the memory
TICK_SECONDS = 0.25
RESPONSE_MAX_BYTES = 64 * 1024
_SERVER_ERRORS = range(500, 600)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Decision:
    """The callback's decision about a start. Without a `refusal` it is allowed, with the callback's `options`."""

    refusal: Reason | None = None
    options: MessageOptions = field(default_factory=MessageOptions)


INVALID = Decision(Reason.INVALID_CALLBACK)


class Callbacks:
    """Asks at once and posts other events later, one by one, from a thread of its own.

    That thread calls `on_tick` four times a second, so that a verification that expires without any call has its
    event too.
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
        """Post to `url` from now on. None stops posting."""
        self.url = url
        if url and not self._thread:
            self._thread = threading.Thread(target=self._work, daemon=True, name="sinch-callbacks")
            self._thread.start()

    def ask(self, event: dict[str, Any], method: Method) -> Decision:
        """Return the decision about a start; allowed if no callback is set. Takes all tries at the longest."""
        if not self.url:
            return Decision()
        fault = self._faults.take_callback("start", event["identity"]["endpoint"])
        if fault is Kind.CALLBACK_LOST:
            return INVALID
        status, body = self._post(event, copies=2 if fault is Kind.CALLBACK_TWICE else 1)
        return _read_decision(status, body, method)

    def post_later(self, event: dict[str, Any], operation: str) -> None:
        """Queue an event. `operation` is the one whose faults apply to it."""
        if not self.url:
            return
        fault = self._faults.take_callback(operation, event["identity"]["endpoint"])
        if fault is Kind.CALLBACK_LOST:
            return
        try:  # never blocks: callers hold the store's lock
            self._queue.put_nowait((event, 2 if fault is Kind.CALLBACK_TWICE else 1))
        except queue.Full:
            logger.warning("The callback is too slow: an event was dropped")

    def wait(self, timeout_seconds: float) -> bool:
        """Return whether all events were posted, or given up, within the time."""
        with self._queue.all_tasks_done:  # Queue.join() has no time-out
            return self._queue.all_tasks_done.wait_for(lambda: not self._queue.unfinished_tasks, timeout_seconds)

    def close(self) -> None:
        """Stop posting and drop what is queued."""
        self._closing.set()
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)  # wakes the thread
        if self._thread:
            self._thread.join(self._settings.callback_timeout_seconds + TICK_SECONDS)

    def _work(self) -> None:
        while not self._closing.is_set():
            try:
                queued = self._queue.get(timeout=TICK_SECONDS)
            except queue.Empty:
                self._on_tick()
                continue
            if queued is None:
                return
            try:
                self._post(*queued)
            except Exception:
                logger.exception("An event could not be posted")
            finally:
                self._queue.task_done()

    def _post(self, event: dict[str, Any], copies: int) -> tuple[int, bytes]:
        """Post, and retry as the settings say. Status 0 means that no response came. Copies are the same bytes."""
        response = (0, b"")
        for attempt in range(1 + self._settings.callback_retries):
            if attempt and self._closing.wait(self._settings.callback_retry_delay_seconds):
                break
            signed = _signed(self.url or "", event, self._settings, self._clock)  # each try with its own timestamp
            try:
                response = _exchange(signed, self._settings.callback_timeout_seconds)
                for _ in range(copies - 1):
                    _exchange(signed, self._settings.callback_timeout_seconds)
            except OSError as error:
                logger.info("The callback did not respond: %s", type(error).__name__)
                continue
            if response[0] not in _SERVER_ERRORS:
                break
        return response


def _read_decision(status: int, body: bytes, method: Method) -> Decision:
    """Read a response. Whatever is not a clear yes or no is an invalid callback, which denies the start."""
    if status != HTTPStatus.OK:
        return INVALID
    try:
        document = read_object(body)
        options = read_options(section_of(document, method.value))
    except ApiError:
        return INVALID
    action = str(document.get("action", "")).lower()
    if action == "deny":
        return Decision(Reason.DENIED_BY_CALLBACK)
    return Decision(options=options) if action == "allow" else INVALID


@dataclass(frozen=True)
class _SignedEvent:
    """An event ready to be posted, any number of times with the very same bytes."""

    url: str
    headers: dict[str, str]
    body: bytes


def _signed(url: str, event: dict[str, Any], settings: SimulatorSettings, clock: Clock) -> _SignedEvent:
    """Sign an event as of now. The signature covers the path of the URL, without its query."""
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    timestamp = seven_decimals(clock.base()) + "Z"  # as in the captured event of the Java SDK's tests
    parts = SignedParts("POST", urlsplit(url).path or "/", JSON_TYPE, timestamp, body)
    authorization = f"Application {settings.key}:{signature(parts, settings.secret_bytes())}"
    headers = {"Content-Type": JSON_TYPE, "Authorization": authorization, "x-timestamp": timestamp}
    return _SignedEvent(url, headers, body)


def _exchange(event: _SignedEvent, timeout_seconds: float) -> tuple[int, bytes]:
    """Post once, without following redirects. Raises OSError if no whole response comes."""
    parts = urlsplit(event.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with contextlib.closing(kind(parts.netloc, timeout=timeout_seconds)) as connection:
        try:
            connection.request("POST", target, event.body, event.headers)
            response = connection.getresponse()
            return response.status, response.read(RESPONSE_MAX_BYTES)
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(str(error)) from error
