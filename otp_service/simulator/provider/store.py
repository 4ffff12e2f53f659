"""What the simulator remembers, within bounds: verifications, messages, and the calls that arrived."""

import heapq
import threading
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import TypeVar

from otp_service.simulator.provider.state_file import StateFile
from otp_service.simulator.provider.verification import Message, Method, Status, Verification

CAPTCHAS_KEPT = 10_000
CALLS_KEPT = 20_000  # a simulator that runs for weeks must not fill the memory

Key = TypeVar("Key")


class Store:
    """Verifications by id, reference and number, and each phone's messages.

    Hold `lock` around every use that reads and then writes. `state_file` keeps the contents over a restart.
    """

    def __init__(self, max_verifications: int, max_messages: int) -> None:
        self.lock = threading.RLock()
        self.state_file: StateFile | None = None
        self._max_verifications = max_verifications
        self._max_messages = max_messages
        self._by_id: OrderedDict[str, Verification] = OrderedDict()
        self._by_reference: dict[str, str] = {}
        self._by_number: dict[str, str] = {}
        self._by_method_and_number: dict[tuple[Method, str], str] = {}
        self._by_token: dict[str, str] = {}
        self._expiries: list[tuple[datetime, str]] = []
        self._inboxes: dict[str, deque[Message]] = {}
        self._messages: OrderedDict[str, Message] = OrderedDict()
        self._captchas: OrderedDict[str, None] = OrderedDict()

    def spend_captcha(self, token: str) -> bool:
        """Remember a token of a captcha; return False for one that is remembered."""
        with self.lock:
            is_new = token not in self._captchas
            self._captchas[token] = None
            if len(self._captchas) > CAPTCHAS_KEPT:
                self._captchas.popitem(last=False)
            return is_new

    # verifications

    def add(self, verification: Verification) -> None:
        """Remember a verification as the latest of its number. The oldest of all may be forgotten for it."""
        v = verification
        self._by_id[v.id] = v
        known = self.by_number(v.number)
        # A start that was denied at once must not hide a pending verification from reports by number.
        if v.status is Status.PENDING or known is None or known.status is not Status.PENDING:
            self._by_number[v.number] = v.id
        self._by_method_and_number[v.method, v.number] = v.id
        if v.reference:
            self._by_reference[v.reference] = v.id
        if v.method is Method.SEAMLESS:
            self._by_token[v.secret] = v.id
        if v.status is Status.PENDING:
            self._note_expiry(v)
        self.save(v)
        while len(self._by_id) > self._max_verifications:
            self._forget(next(iter(self._by_id.values())))

    def _note_expiry(self, v: Verification) -> None:
        heapq.heappush(self._expiries, (v.expires_at, v.id))
        # Most verifications end before they expire and leave their entry behind, so the heap is rebuilt now and then.
        if len(self._expiries) > 2 * self._max_verifications:
            pending = (known for known in self._by_id.values() if known.status is Status.PENDING)
            self._expiries = sorted((known.expires_at, known.id) for known in pending)

    def save(self, verification: Verification) -> None:
        """Note that a verification changed."""
        if self.state_file:
            self.state_file.save(verification)

    def _forget(self, v: Verification) -> None:
        del self._by_id[v.id]
        _drop(self._by_reference, v.reference or "", v.id)
        _drop(self._by_number, v.number, v.id)
        _drop(self._by_method_and_number, (v.method, v.number), v.id)
        _drop(self._by_token, v.secret, v.id)
        if self.state_file:
            self.state_file.forget(v)

    def by_id(self, identifier: str) -> Verification | None:
        """Return the verification with that id, in any case."""
        return self._by_id.get(identifier.lower())

    def by_reference(self, reference: str) -> Verification | None:
        """Return the verification that was started with that reference."""
        return self._by_id.get(self._by_reference.get(reference, ""))

    def by_number(self, number: str, method: Method | None = None) -> Verification | None:
        """Return the pending or else the latest verification of a number; with a method, the latest by it."""
        known = self._by_method_and_number.get((method, number)) if method else self._by_number.get(number)
        return self._by_id.get(known or "")

    def by_token(self, token: str) -> Verification | None:
        """Return the seamless verification whose address ends with that token."""
        return self._by_id.get(self._by_token.get(token, ""))

    def all(self) -> list[Verification]:
        """Return every verification, oldest first."""
        with self.lock:
            return list(self._by_id.values())

    def due(self, now: datetime) -> list[Verification]:
        """Take out the pending verifications whose time is over."""
        found = []
        while self._expiries and self._expiries[0][0] <= now:
            verification = self._by_id.get(heapq.heappop(self._expiries)[1])
            if verification and verification.status is Status.PENDING:
                found.append(verification)
        return found

    # messages

    def deliver(self, message: Message) -> None:
        """Put a message into its phone's inbox. The oldest of all may be forgotten for it."""
        self._messages[message.id] = message
        self._inboxes.setdefault(message.to, deque()).append(message)
        if self.state_file:
            self.state_file.save_message(message)
        while len(self._messages) > self._max_messages:
            self._forget_oldest_message()

    def _forget_oldest_message(self) -> None:
        _, message = self._messages.popitem(last=False)
        inbox = self._inboxes[message.to]
        inbox.popleft()
        if not inbox:
            del self._inboxes[message.to]
        if self.state_file:
            self.state_file.forget_message(message)

    def inbox(self, to: str | None = None, limit: int | None = None) -> list[Message]:
        """Return the messages of one phone or of all, newest first."""
        with self.lock:
            kept = self._messages.values() if to is None else self._inboxes.get(to, deque())
            return list(islice(reversed(kept), limit))

    def clear_inbox(self) -> None:
        """Forget every message. The verifications stay."""
        with self.lock:
            self._messages.clear()
            self._inboxes.clear()
            if self.state_file:
                self.state_file.forget_messages()


def _drop(index: dict[Key, str], key: Key, identifier: str) -> None:
    """Remove `key` from an index, unless a later verification has it by now."""
    if index.get(key) == identifier:
        del index[key]


class Operation(StrEnum):
    """The purpose of a provider call."""

    START = "start"
    REPORT = "report"
    STATUS = "status"
    SEAMLESS = "seamless"
    REDIRECTED = "redirected"
    GATEWAY = "gateway"


@dataclass(frozen=True)
class Call:
    """A provider call as it arrived, whatever its response. `number` is None if the call names no known one."""

    operation: Operation
    number: str | None
    at: datetime
    verb: str
    path: str
    has_credentials: bool


class CallLog:
    """The last calls, and how many of each operation arrived since the last clearing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[Call] = deque(maxlen=CALLS_KEPT)
        self._counts: Counter[str] = Counter()

    def add(self, call: Call) -> None:
        """Note a call."""
        with self._lock:
            self._calls.append(call)
            self._counts[call.operation.value] += 1

    def all(self) -> list[Call]:
        """Return the calls, oldest first."""
        with self._lock:
            return list(self._calls)

    def counts(self) -> dict[str, int]:
        """Return how many calls of each operation arrived."""
        with self._lock:
            return {operation.value: self._counts[operation.value] for operation in Operation}

    def clear(self) -> None:
        """Forget all calls."""
        with self._lock:
            self._calls.clear()
            self._counts.clear()
