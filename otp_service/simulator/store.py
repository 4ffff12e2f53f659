"""What the simulator remembers: verifications by id, reference and number, and each phone's messages."""

import heapq
import threading
from collections import OrderedDict, deque
from datetime import datetime
from itertools import islice
from typing import Protocol, TypeVar

from otp_service.simulator.verification import Message, Method, Status, Verification

Key = TypeVar("Key")


class Journal(Protocol):
    """Where the store's contents outlive the process, if anywhere."""

    def save(self, verification: Verification) -> None:
        """Keep a verification, new or changed."""

    def forget(self, verification: Verification) -> None:
        """Drop one."""

    def save_message(self, message: Message) -> None:
        """Keep a message."""

    def forget_message(self, message: Message) -> None:
        """Drop one."""

    def forget_messages(self) -> None:
        """Drop all."""

    def close(self) -> None:
        """Write what is left."""


class Store:
    """Bounded memory. Hold `lock` around every use that reads and then writes."""

    def __init__(self, max_verifications: int, max_messages: int) -> None:
        self.lock = threading.RLock()
        self.journal: Journal | None = None
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

    # verifications

    def add(self, verification: Verification) -> None:
        """Remember a verification as its number's latest; the oldest of all may be forgotten for it.

        One that was denied at once does not stand before a live one.
        """
        v = verification
        self._by_id[v.id] = v
        known = self.by_number(v.number)
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
        if len(self._expiries) > 2 * self._max_verifications:  # most of them ended before their time
            pending = (known for known in self._by_id.values() if known.status is Status.PENDING)
            self._expiries = sorted((known.expires_at, known.id) for known in pending)

    def save(self, verification: Verification) -> None:
        """Note a change."""
        if self.journal:
            self.journal.save(verification)

    def _forget(self, v: Verification) -> None:
        del self._by_id[v.id]
        _drop(self._by_reference, v.reference or "", v.id)
        _drop(self._by_number, v.number, v.id)
        _drop(self._by_method_and_number, (v.method, v.number), v.id)
        _drop(self._by_token, v.secret, v.id)
        if self.journal:
            self.journal.forget(v)

    def by_id(self, identifier: str) -> Verification | None:
        """The verification with that id, in any case."""
        return self._by_id.get(identifier.lower())

    def by_reference(self, reference: str) -> Verification | None:
        """The verification that was started with that reference."""
        return self._by_id.get(self._by_reference.get(reference, ""))

    def by_number(self, number: str, method: Method | None = None) -> Verification | None:
        """The live or else the latest verification of a number; with a method, the latest of that."""
        known = self._by_method_and_number.get((method, number)) if method else self._by_number.get(number)
        return self._by_id.get(known or "")

    def by_token(self, token: str) -> Verification | None:
        """The seamless verification whose address ends so."""
        return self._by_id.get(self._by_token.get(token, ""))

    def all(self) -> list[Verification]:
        """Every verification, oldest first."""
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
        """Put a message into its phone's inbox; the oldest of all may be forgotten for it."""
        self._messages[message.id] = message
        self._inboxes.setdefault(message.to, deque()).append(message)
        if self.journal:
            self.journal.save_message(message)
        while len(self._messages) > self._max_messages:
            self._forget_oldest_message()

    def _forget_oldest_message(self) -> None:
        _, message = self._messages.popitem(last=False)
        inbox = self._inboxes[message.to]
        inbox.popleft()
        if not inbox:
            del self._inboxes[message.to]
        if self.journal:
            self.journal.forget_message(message)

    def inbox(self, to: str | None = None, limit: int | None = None) -> list[Message]:
        """Messages of one phone or of all, newest first."""
        with self.lock:
            kept = self._messages.values() if to is None else self._inboxes.get(to, deque())
            return list(islice(reversed(kept), limit))

    def clear_inbox(self) -> None:
        """Forget every message; the verifications stay."""
        with self.lock:
            self._messages.clear()
            self._inboxes.clear()
            if self.journal:
                self.journal.forget_messages()


def _drop(index: dict[Key, str], key: Key, identifier: str) -> None:
    """Take `key` out of an index, unless a later verification holds it by now."""
    if index.get(key) == identifier:
        del index[key]
