"""Forms of text: base64, language tags, names on the wire, and characters that control a terminal or a line."""

import base64
import unicodedata

STEERING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of controls, format characters, halves of pairs, and separators of lines and paragraphs."""

HARMLESS = frozenset("\u200c\u200d\u200e\u200f\u061c")
"""Format characters that are allowed: the joiners (Persian, Indian scripts, emoji), and direction marks."""

LANGUAGE_TAG = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}"
"""The form of a language tag (BCP 47) such as en or pt-BR, as far as this service accepts them."""


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
    return any(unicodedata.category(letter) in STEERING and letter not in HARMLESS for letter in text)


def shown(value: object) -> str:
    """Return a value for a terminal, with every character that is not printable written as an escape."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(value))
