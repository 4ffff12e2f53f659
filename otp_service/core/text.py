"""Forms of text: base64, language tags, names on the wire, and characters that control a terminal or a line."""

import base64
import re
import unicodedata

STEERING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of controls, format characters, halves of pairs, and separators of lines and paragraphs."""

HARMLESS = frozenset("\u200c\u200d\u200e\u200f\u061c")
"""Format characters that are allowed: the joiners (Persian, Indian scripts, emoji), and direction marks."""

_LANGUAGE = r"[A-Za-z]{2,3}(-[A-Za-z]{3}){0,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?"
_VARIANTS = r"(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*"
_EXTENSIONS = r"(-[0-9A-WY-Za-wy-z](-[A-Za-z0-9]{2,8})+)*(-[Xx](-[A-Za-z0-9]{1,8})+)?"

SHOWN_TEXT = (
    r"^[^\u0000-\u001f\u007f-\u009f\u00ad\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u2028-\u202e\u2060-\u2064"
    r"\u2066-\u206f\ufeff\ufff9-\ufffb]*$"
)
"""The same as a pattern for the OpenAPI document, as far as escapes reach: in Unicode's first plane."""

LANGUAGE_TAG = rf"{_LANGUAGE}{_VARIANTS}{_EXTENSIONS}"
"""The form of a language tag such as en, pt-BR or en-US-u-hc-h12 (RFC 5646, section 2.1)."""

LONGEST_LANGUAGE_TAG = 35  # RFC 5646, section 4.4.1; columns are as long

_REGION_TAG = re.compile(r"([A-Za-z]{2,3})(?:-[A-Za-z]{3})*(-[A-Za-z]{4})?(-(?:[A-Za-z]{2}|[0-9]{3}))?(?=-|\Z)")

_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
"""The flag of a region such as England: the only emoji that is spelled with tag characters (UTS 51, ED-14a)."""


def base64url(raw: bytes) -> str:
    """Return bytes in base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded_base64(text: str, *, needs_padding: bool = True) -> bytes:
    """Return the bytes of a text in base64 of either alphabet; empty for any other text."""
    padding = "" if needs_padding else "=" * (-len(text) % 4)
    try:
        return base64.b64decode(f"{text}{padding}".replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        return b""


def regional_tag(locale: str) -> str:
    """Return language, script and region of a language tag: what other systems understand of it."""
    found = _REGION_TAG.match(locale)
    return "".join(part or "" for part in found.groups()) if found else locale


def primary_language(locale: str | None) -> str:
    """Return the language of a tag such as `de-AT` or `es_MX` in lower case; empty without one."""
    return (locale or "").replace("_", "-").partition("-")[0].lower()


def camel_case(name: str) -> str:
    """Turn `phone_number` into `phoneNumber`."""
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


def steers(text: str) -> bool:
    """Whether a text holds a character that controls the display instead of being shown."""
    if text.isascii():
        return not text.isprintable()
    # Tag characters are shown as nothing anywhere else, so they could smuggle a hidden text.
    shown_otherwise = _FLAG.sub("", text)
    return any(unicodedata.category(letter) in STEERING and letter not in HARMLESS for letter in shown_otherwise)


def trimmed(text: str) -> str:
    """Return a text without what phone keyboards and contacts put around it: blanks, and characters without a shape."""
    start, end = 0, len(text)
    while start < end and _is_unseen(text[start]):
        start += 1
    while start < end and _is_unseen(text[end - 1]):
        end -= 1
    return text[start:end]


def without_blanks(text: str) -> str:
    """Return a text without blanks, and without characters that have no shape, such as direction marks."""
    return "".join(letter for letter in text if not _is_unseen(letter))


def _is_unseen(letter: str) -> bool:
    return letter.isspace() or unicodedata.category(letter) == "Cf"


def shown(value: object) -> str:
    """Return a value for a terminal, with every character that is not printable written as an escape."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(value))
