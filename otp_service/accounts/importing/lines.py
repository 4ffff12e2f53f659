"""Physical lines of a file, numbered from 1 and of bounded length, so that no file can fill the memory."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

LONGEST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One line with its line break; `fault` says why it cannot be read, and then the text is empty."""

    number: int
    text: str
    fault: str | None = None


def read_lines(stream: BinaryIO) -> Iterator[Line]:
    """The lines of a UTF-8 stream, with or without a byte order mark."""
    number = 0
    while raw := stream.readline(LONGEST_BYTES):
        number += 1
        if number == 1:
            raw = raw.removeprefix(codecs.BOM_UTF8)
        if len(raw) == LONGEST_BYTES and not raw.endswith(b"\n"):
            _skip_rest(stream)
            yield Line(number, "", f"is longer than {LONGEST_BYTES} bytes")
            continue
        try:
            yield Line(number, raw.decode())
        except UnicodeDecodeError:
            yield Line(number, "", "is not UTF-8")


def _skip_rest(stream: BinaryIO) -> None:
    while (raw := stream.readline(LONGEST_BYTES)) and not raw.endswith(b"\n"):
        pass
