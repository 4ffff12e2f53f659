"""Makes values fit to be shown in a message: they may come from anybody, a browser's name for instance."""

import re
from datetime import datetime
from typing import Any

from otp_service.core import phone

LENGTH = 120
_GAPS = re.compile(r"\s+")
_ADDRESS = re.compile(r"(\w)[^\s@]*@([\w.-]+)")
_LINKING = re.compile(r"\.(?=\D)|(?<=\D)\.|//+|@|www", re.IGNORECASE)  # what mail programs make links of


def one_line(value: Any) -> str:
    """Any value as a line of printable characters: no line break, no control or direction character."""
    text = _GAPS.sub(" ", str(value))
    return "".join(filter(str.isprintable, text)).strip()


def plain(value: Any) -> str:
    """A short line that no mail program makes a link of: for what strangers can choose."""
    return _GAPS.sub(" ", _LINKING.sub(" ", one_line(value))).strip()[:LENGTH]


def masked_number(value: Any) -> str:
    """A telephone number, most of it hidden: mail is read by others, too."""
    return phone.mask(one_line(value))


def masked_address(value: Any) -> str:
    """An e-mail address, most of its name hidden."""
    found = _ADDRESS.fullmatch(one_line(value))
    return f"{found[1]}***@{found[2]}" if found else plain(value)


def moment(value: Any) -> str:
    """A time in ISO 8601, to the minute."""
    return f"{datetime.fromisoformat(str(value)):%Y-%m-%d %H:%M} UTC"
