"""Reads typed settings out of texts, gathers every fault at once, and hands the running service its settings."""

import base64
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from flask import current_app

if TYPE_CHECKING:
    from config import Config

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}

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
WEAK_VARIETY = 8  # fewer different characters than this is no random secret


class Reader:
    """One pass over the environment; `faults` has a line for each setting that cannot be used."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.faults: list[str] = []

    def fault(self, name: str, holds: str, may: str) -> str:
        """Note that setting `name` is unusable; returns an empty text to stand in until the start is refused."""
        line = f"{name}: {holds}; it must {may}."
        if line not in self.faults:
            self.faults.append(line)
        return ""

    def text(self, name: str, *, default: str) -> str:
        """The setting as it stands; blank counts as not set."""
        return self._env.get(name, "").strip() or default

    def secret(self, name: str, *, default: str | None, minimum: int = 1) -> str | None:
        """A secret, given itself or as `NAME_FILE`, a path to a file that holds it. Never echoed in a fault."""
        value = self.text(name, default="")
        path = self.text(f"{name}_FILE", default="")
        if value and path:
            self.fault(f"{name}_FILE", f"is set beside {name}", "stand alone")
        elif path:
            try:
                value = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                self.fault(f"{name}_FILE", f"cannot be read ({type(error).__name__})", "name a readable text file")
                return default
        if not value:
            return default
        if len(value) < minimum:
            self.fault(name, f"holds {len(value)} characters", f"hold {minimum} or more")
        return value

    def integer(self, name: str, *, default: int, low: int, high: int | None = None) -> int:
        """A whole number from `low` to `high`."""
        text = self.text(name, default=str(default))
        number = int(text) if re.fullmatch(r"-?[0-9]{1,12}", text) else None
        if number is None or number < low or (high is not None and number > high):
            span = f"from {low} to {high}" if high is not None else f"of {low} or more"
            self.fault(name, f"holds {text!r}", f"hold a whole number {span}")
            return default
        return number

    def duration(self, name: str, *, default: int, low: int, high: int) -> int:
        """Seconds, written as a number or with a unit: 900, 900s, 15m, 12h, 30d."""
        text = self.text(name, default=str(default))
        match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", text)
        seconds = int(match[1]) * _UNITS[match[2]] if match else -1
        if not low <= seconds <= high:
            self.fault(name, f"holds {text!r}", f"hold {low} to {high} seconds (units s, m, h, d are understood)")
            return default
        return seconds

    def flag(self, name: str, *, default: bool) -> bool:
        """true or false, in the usual spellings."""
        text = self.text(name, default=str(default)).lower()
        if text not in _TRUE | _FALSE:
            self.fault(name, f"holds {text!r}", "hold true or false")
        return text in _TRUE

    def choice(
        self, name: str, choices: tuple[str, ...], *, default: str, fold: Callable[[str], str] = str.lower
    ) -> str:
        """One of a few words."""
        text = self.text(name, default=default)
        if fold(text) not in choices:
            self.fault(name, f"holds {text!r}", f"hold one of {', '.join(choices)}")
            return default
        return fold(text)

    def web_address(self, name: str, *, example: str) -> str | None:
        """An http or https address, or None when it is not set."""
        url = self.text(name, default="")
        if url and not re.fullmatch(r"https?://[^/\s]+(/\S*)?", url):
            self.fault(name, f"holds {url!r}", f"hold an address such as {example}")
        return url or None

    def words(self, name: str) -> tuple[str, ...]:
        """A list separated by commas."""
        return tuple(filter(None, (word.strip() for word in self.text(name, default="").split(","))))


def split_address(text: str) -> SplitResult | None:
    """The parts of a URL that names a host (or, for unix:, a path); None for any other text."""
    try:
        parts = urlsplit(text)
        has_place = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a bracket without its fellow, a port that is no number
        return None
    return parts if has_place or (parts.scheme == "unix" and parts.path) else None


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.rstrip(".").lower() in {"localhost", "host.docker.internal"}
    return address.is_loopback or address.is_unspecified


def decoded_base64(text: str) -> bytes:
    """The bytes of a text in base64, of either alphabet; empty when it is none."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        return b""


def is_weak(secret: str | bytes) -> bool:
    """Whether a secret was surely not drawn at random: an example, few characters, or mostly a run of neighbours."""
    codes = secret if isinstance(secret, bytes) else [ord(character) for character in secret]
    steps = sum(abs(right - left) <= 1 for left, right in pairwise(codes))
    is_example = isinstance(secret, str) and any(word in secret.lower() for word in PLACEHOLDERS)
    return is_example or len(set(codes)) < WEAK_VARIETY or steps * 2 > len(codes)


def settings() -> "Config":
    """The settings of the running application."""
    config: Config = current_app.config["SETTINGS"]
    return config


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret kept in `path`, readable by its owner alone; made at the first call, by exactly one process."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(make())
        try:
            os.link(draft, path)  # atomic, and fails when another process was first
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="utf-8").strip()
