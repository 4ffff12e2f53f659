"""Tells characters that show something from those that steer whoever shows them: a terminal, a line's direction."""

import unicodedata

STEERING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of controls, format characters, halves of pairs, and separators of lines and paragraphs."""

HARMLESS = frozenset("\u200c\u200d\u200e\u200f\u061c")
"""Of the format characters, the joiners (Persian, Indian scripts, emoji) and the marks that turn nothing around."""


def steers(text: str) -> bool:
    """Whether a text holds a character that does something instead of showing something."""
    if text.isascii():
        return not text.isprintable()
    return any(unicodedata.category(letter) in STEERING and letter not in HARMLESS for letter in text)


def shown(value: object) -> str:
    """A value for a terminal: whatever steers, or shows nothing at all, is written as an escape."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(value))
