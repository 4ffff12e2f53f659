"""Names the browser and the system of a `User-Agent` from two lists. No other text of the header is ever returned.

Anyone can send any text in this header, so a message that repeated it would carry a stranger's words.
"""

import re

_BROWSERS = {
    "Edg": "Microsoft Edge",
    "OPR": "Opera",
    "Opera": "Opera",
    "OPiOS": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Vivaldi": "Vivaldi",
    "DuckDuckGo": "DuckDuckGo",
    "YaBrowser": "Yandex Browser",
    "UCBrowser": "UC Browser",
    "MiuiBrowser": "Mi Browser",
    "Silk": "Amazon Silk",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome": "Chrome",
    "Trident": "Internet Explorer",
    "Safari": "Safari",
}
"""Most browsers also send the names of others; the first name found in this order is the right one."""

_SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Macintosh": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}
_NAMES = [(re.compile(rf"\b{token}\w*/"), name) for token, name in _BROWSERS.items()]


def browser_of(agent: str) -> str | None:
    """Return the name of a well-known browser; None for all other programs."""
    return next((name for pattern, name in _NAMES if pattern.search(agent)), None)


def system_of(agent: str) -> str | None:
    """Return the name of a well-known system; None if the header names none."""
    return next((name for token, name in _SYSTEMS.items() if token in agent), None)
