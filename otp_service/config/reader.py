"""Reads typed settings from the texts of the environment, and gathers every fault."""

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}

NODE_ENVS = ("development", "production", "test")
PLACEHOLDERS = (
    "changeme",
    "change-me",
    "change_me",
    "your-",
    "your_",
    "replace",
    "placeholder",
    "example",
    "secret-key",
    "secret_key",
    "secretkey",
    "mysecret",
    "my-secret",
    "my_secret",
    "supersecret",
    "super-secret",
    "super_secret",
    "jwt-secret",
    "jwt_secret",
    "jwtsecret",
    "password",
    "insecure",
)
UNFILLED = re.compile(r"\.{3,}|\u2026|<[^<>]*>")
"""What examples write where a reader is to write a value."""
WEAK_VARIETY = 8  # fewer different characters than this is no random secret


class Reader:
    """One pass over the environment.

    `faults` has a line for each setting that is missing or invalid. `production` and `strict` say which defaults and
    rules apply.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.faults: list[str] = []
        self.asked: set[str] = set()
        self._unusable: set[str] = set()
        # NODE_ENV was the first version's name for APP_ENV. A typing error must not turn production into development.
        is_production = self.choice("NODE_ENV", NODE_ENVS, default="development") == "production"
        self.app_env = self.choice(
            "APP_ENV", ("development", "production"), default="production" if is_production else "development"
        )
        self.security_profile = self.choice("SECURITY_PROFILE", ("standard", "strict"), default="standard")
        self.production = self.app_env == "production"
        self.strict = self.security_profile == "strict"

    def fault(self, name: str, holds: str, may: str) -> str:
        """Note that a setting is unusable. Returns an empty text, which stands in until the start is rejected."""
        if name in self._unusable:
            return ""  # its value was never read, so what follows from that is no second fault
        line = f"{name}: {holds}; it must {may}."
        if line not in self.faults:  # several features may read one setting
            self.faults.append(line)
        return ""

    def _fault_of_value(self, name: str, holds: str, may: str) -> None:
        """Note the only fault that a setting gets: its value cannot be used at all."""
        self.fault(name, holds, may)
        self._unusable.add(name)

    def text(self, name: str, *, default: str) -> str:
        """Return the setting as it stands; blank counts as not set, and a placeholder is a fault."""
        self.asked.add(name)
        text = self._env.get(name, "").strip()
        if UNFILLED.fullmatch(text):
            self._fault_of_value(name, "holds a placeholder", "hold a value of your own")
            return default
        return text or default

    def secret(self, name: str, *, default: str | None, minimum: int = 1) -> str | None:
        """Return a secret, given itself or as `NAME_FILE`, the path of a file. A fault never shows it."""
        value = self.text(name, default="")
        path = self.text(f"{name}_FILE", default="")
        if value and path:
            self.fault(f"{name}_FILE", f"is set as well as {name}", "stand alone")
        elif path:
            try:
                value = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                self.fault(f"{name}_FILE", f"cannot be read ({type(error).__name__})", "name a readable text file")
                self._unusable.add(name)
                return default
        if f"{name}_FILE" in self._unusable:
            self._unusable.add(name)
        if not value:
            return default
        if len(value) < minimum:
            self._fault_of_value(name, f"holds {len(value)} characters", f"hold {minimum} or more")
        return value

    def integer(self, name: str, *, default: int, low: int, high: int | None = None) -> int:
        """Return a whole number from `low` to `high`."""
        text = self.text(name, default=str(default))
        number = int(text) if re.fullmatch(r"-?[0-9]{1,12}", text) else None
        if number is None or number < low or (high is not None and number > high):
            span = f"from {low} to {high}" if high is not None else f"of {low} or more"
            self.fault(name, f"holds {text!r}", f"hold a whole number {span}")
            return default
        return number

    def duration(self, name: str, *, default: int, low: int, high: int) -> int:
        """Return seconds, written as a number or with a unit: 900, 900s, 15m, 12h, 30d."""
        text = self.text(name, default=str(default))
        match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", text)
        seconds = int(match[1]) * _UNITS[match[2]] if match else -1
        if not low <= seconds <= high:
            self.fault(name, f"holds {text!r}", f"hold {low} to {high} seconds (units s, m, h, d are understood)")
            return default
        return seconds

    def days(self, name: str, *, default: int, high: int) -> int:
        """Return a number of days from 1 to `high`, written with or without their unit: 400, 400d."""
        text = self.text(name, default=str(default))
        match = re.fullmatch(r"([0-9]{1,8})d?", text)
        days = int(match[1]) if match else 0
        if not 1 <= days <= high:
            self.fault(name, f"holds {text!r}", f"hold 1 to {high} days")
            return default
        return days

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false, from any of the usual spellings."""
        text = self.text(name, default=str(default)).lower()
        if text not in _TRUE | _FALSE:
            self.fault(name, f"holds {text!r}", "hold true or false")
        return text in _TRUE

    def choice(
        self, name: str, choices: tuple[str, ...], *, default: str, fold: Callable[[str], str] = str.lower
    ) -> str:
        """Return one of a few words."""
        text = self.text(name, default=default)
        if fold(text) not in choices:
            self.fault(name, f"holds {text!r}", f"hold one of {', '.join(choices)}")
            return default
        return fold(text)

    def web_address(self, name: str, *, example: str) -> str | None:
        """Return an http or https address, or None if it is not set."""
        url = self.text(name, default="")
        if url and not re.fullmatch(r"https?://[^/\s]+(/\S*)?", url):
            self.fault(name, f"holds {url!r}", f"hold an address such as {example}")
        return url or None

    def words(self, name: str) -> tuple[str, ...]:
        """Return a list separated by commas."""
        return tuple(filter(None, (word.strip() for word in self.text(name, default="").split(","))))


SectionReader = Callable[[Reader], object]
"""Reads the settings of one feature into a frozen dataclass, and notes what is wrong with them."""


def split_address(text: str) -> SplitResult | None:
    """Return the parts of a URL that names a host (or, for unix:, a path); None for any other text."""
    try:
        parts = urlsplit(text)
        has_place = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # an unclosed bracket, or a port that is not a number
        return None
    return parts if has_place or (parts.scheme == "unix" and parts.path) else None


def is_placeholder(text: str) -> bool:
    """Whether a text is an example that was left in its place."""
    return any(word in text.lower() for word in PLACEHOLDERS)


def is_weak(secret: str | bytes) -> bool:
    """Whether a secret is surely not random: an example, of few characters, or mostly a run of neighbors."""
    codes = secret if isinstance(secret, bytes) else [ord(character) for character in secret]
    steps = sum(abs(right - left) <= 1 for left, right in pairwise(codes))
    is_example = isinstance(secret, str) and is_placeholder(secret)
    return is_example or len(set(codes)) < WEAK_VARIETY or steps * 2 > len(codes)
