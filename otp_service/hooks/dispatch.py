"""Gives each hook that has something to send a thread of its own: a slow receiver delays no other one (ADR 38)."""

import logging
import threading
import uuid

from flask import Flask, current_app

from otp_service.hooks import administration, posting, turning
from otp_service.hooks.event_messages import Numbers

log = logging.getLogger("otp_service.hooks")


class Dispatcher:
    """The threads of one process that send, one for each hook at a time. They end when nothing is due."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._lock = threading.Lock()
        self._threads: dict[uuid.UUID, threading.Thread] = {}
        self._stopping = threading.Event()

    def run(self) -> bool:
        """Store what is new, and start a thread for each hook that can be sent something. Sends nothing itself.

        Returns whether to run again at once.
        """
        if not administration.enabled():
            return False
        is_unfinished = turning.turn()
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        for hook_id in posting.due_hooks():
            self._start(app, hook_id)
        return is_unfinished

    def finish(self) -> None:
        """Let the threads end after the message in hand, and wait for them."""
        self._stopping.set()
        for thread in list(self._threads.values()):
            thread.join()

    def _start(self, app: Flask, hook_id: uuid.UUID) -> None:
        with self._lock:
            running = self._threads.get(hook_id)
            if self._stopping.is_set() or (running is not None and running.is_alive()):
                return
            thread = threading.Thread(target=self._send, args=(app, hook_id), name=f"hook {hook_id}", daemon=True)
            self._threads[hook_id] = thread
        thread.start()

    def _send(self, app: Flask, hook_id: uuid.UUID) -> None:
        try:
            with app.app_context():
                while not self._stopping.is_set() and posting.send_next(hook_id, numbers=self._numbers):
                    pass
        except Exception:
            # The database is away, or a bug: the delivery is sent again after its lease.
            log.exception("hook.failed", extra={"hookId": hook_id})
        finally:
            with self._lock:
                self._threads.pop(hook_id, None)
