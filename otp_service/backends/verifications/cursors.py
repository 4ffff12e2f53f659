"""Places in a list that is sorted by time, as the opaque texts that clients send back."""

import struct
import uuid
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from otp_service.core.text import base64url, decoded_base64

_FORM = struct.Struct(">q16s")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LATEST = 2**53  # the year 2255; later ones exceed what a column of times can be compared with

CURSOR_PATTERN = "^A[AB][A-Za-z0-9_-]{30}$"
"""What the OpenAPI document says of a cursor: 24 bytes, whose first 11 bits are 0."""


class Place(NamedTuple):
    """The last row of a page."""

    created_at: datetime
    id: uuid.UUID

    @property
    def text(self) -> str:
        """The cursor."""
        return base64url(_FORM.pack((self.created_at - _EPOCH) // _MICROSECOND, self.id.bytes))


def read_cursor(text: str) -> Place | None:
    """Return the place that a cursor stands for; None for a text that is none."""
    raw = decoded_base64(text, needs_padding=False)
    if len(raw) != _FORM.size:
        return None
    microseconds, key = _FORM.unpack(raw)
    if not 0 <= microseconds < _LATEST:
        return None
    return Place(_EPOCH + microseconds * _MICROSECOND, uuid.UUID(bytes=key))
