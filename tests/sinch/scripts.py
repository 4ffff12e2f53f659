"""What a scripted server can do with a request: respond well, respond badly, or not at all."""

import json
import os
import socket
import struct
import threading
from typing import Any

from tests.sinch.scripted import Heard, Line, Script
from tests.waiting import PATIENCE_SECONDS

ID = "0190f7c2-1d2e-7a3b-8c4d-5e6f70819203"
NUMBER = "+12015550123"
REFERENCE = "6f1c2c1e-53a4-4a5e-9a7e-0b8f0f5d2a11"


def raw(data: bytes) -> Script:
    """Send these bytes, whatever was asked."""

    def script(line: Line, heard: Heard) -> None:
        line.send(data)

    return script


def message(status: int, body: bytes, *headers: str) -> bytes:
    """An HTTP answer in bytes."""
    lines = [f"HTTP/1.1 {status} Scripted", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def reply(payload: Any, status: int = 200, *headers: str) -> Script:
    """Answer with JSON."""
    return raw(message(status, json.dumps(payload).encode(), *headers))


def refusal(code: int, status: int | None = None, *headers: str) -> Script:
    """Answer with an error in Sinch's form."""
    return reply({"errorCode": code, "message": f"About {NUMBER}.", "reference": ""}, status or code // 100, *headers)


def receipt(**more: Any) -> Script:
    """Answer a start by SMS."""
    return reply({"id": ID, "method": "sms", "sms": {"interceptionTimeout": 298}} | more)


def verdict(status: str = "SUCCESSFUL", reason: str | None = None, **more: Any) -> Script:
    """Answer a report or a question for the status."""
    payload = {"id": ID, "method": "sms", "status": status} | more
    return reply(payload | ({"reason": reason} if reason else {}))


def in_turn(*scripts: Script) -> Script:
    """The first script for the first request, and so on; the last one stays."""
    waiting = list(scripts)

    def script(line: Line, heard: Heard) -> None:
        chosen = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        chosen(line, heard)

    return script


def stall(line: Line, heard: Heard) -> None:
    """Say nothing until the client gives up."""
    line.hold()


def and_stall(first: Script) -> Script:
    """Do that, then say nothing until the client gives up."""

    def script(line: Line, heard: Heard) -> None:
        first(line, heard)
        line.hold()

    return script


def hold_until(released: threading.Event, then: Script) -> Script:
    """Respond once the test says so."""

    def script(line: Line, heard: Heard) -> None:
        released.wait(PATIENCE_SECONDS)
        then(line, heard)

    return script


def slowly(seconds: float, then: Script) -> Script:
    """Answer, but only after a while."""

    def script(line: Line, heard: Heard) -> None:
        line.wait(seconds)
        then(line, heard)

    return script


def drip(data: bytes, pause_seconds: float = 0.02) -> Script:
    """Send byte after byte, each well within the time-out of a single read; all of them take much longer."""

    def script(line: Line, heard: Heard) -> None:
        for byte in data:
            line.send(bytes([byte]))
            line.wait(pause_seconds)

    return script


def reset(line: Line, heard: Heard) -> None:
    """Break the connection off (RST) instead of answering."""
    line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(line.sock.detach())  # closing the socket object would wait for its reader


def hang_up(line: Line, heard: Heard) -> None:
    """Close the connection in good order, without an answer."""
    line.hang_up()


def and_hang_up(first: Script) -> Script:
    """Do that, then close the connection."""

    def script(line: Line, heard: Heard) -> None:
        first(line, heard)
        hang_up(line, heard)

    return script
