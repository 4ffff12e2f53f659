"""Ids in paths: a text that is no id reaches the view too, whose response is then about the object, not the path."""

import re
import uuid

from werkzeug.routing import BaseConverter

NO_OBJECT = uuid.UUID(int=0)
"""The nil UUID (RFC 9562, section 5.9). No object has it."""


class IdConverter(BaseConverter):
    """`<id:id>` in a route: a UUID, and NO_OBJECT for any other segment."""

    def to_python(self, value: str) -> uuid.UUID:
        """Return the id that a segment spells, in the one form that this service writes."""
        try:
            found = uuid.UUID(value)
        except ValueError:
            return NO_OBJECT
        return found if str(found) == value.lower() else NO_OBJECT

    def to_url(self, value: uuid.UUID) -> str:
        """Return the segment of an id."""
        return str(value)


class NumberConverter(BaseConverter):
    """`<number:id>` in a route: a number that the column of ids may hold, and 0, which no object has, for all else."""

    def to_python(self, value: str) -> int:
        """Return the number that a segment spells. PostgreSQL rejects one that exceeds the column with an error."""
        return int(value) if re.fullmatch(r"[1-9][0-9]{0,8}", value) else 0

    def to_url(self, value: int) -> str:
        """Return the segment of a number."""
        return str(value)
