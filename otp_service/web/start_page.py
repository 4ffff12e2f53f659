"""What the start page of development says: where everything is, and the first steps of the README."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from otp_service.config import ROOT, Config
from otp_service.core.addresses import is_this_machine
from otp_service.mail.settings import MailSettings
from otp_service.web import link_pages

_SECTION = re.compile(r"^## The first five minutes\n(.*?)^## ", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"^(?P<text>[^\n`].*)\n\n```sh\n(?P<lines>.*?)^```", re.MULTILINE | re.DOTALL)
_MARKS = re.compile(r"[`<>]|\]\([^)]*\)|\[")
_SERVICE, _SIMULATOR = "http://127.0.0.1:8000", "http://127.0.0.1:8090"


@dataclass(frozen=True, slots=True)
class StartLink:
    """A place to look at."""

    href: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """Lines for a terminal, and the sentence before them."""

    text: str
    lines: str


def values(config: Config) -> dict[str, Any]:
    """Return the links, and the steps with the ports of this service."""
    return {"links": list(_links(config)), "steps": list(_steps(config))}


def _links(config: Config) -> Iterator[StartLink]:
    if config.server.has_docs:
        yield StartLink("docs", "The API", "All routes, with a form to try each of them.")
    yield StartLink("api/v1/openapi.json", "OpenAPI document", "The same for programs: OpenAPI 3.1.")
    simulator = _simulator(config)
    if simulator:
        yield StartLink(f"{simulator}/inbox", "Phone inbox", "Every code that the simulated Sinch sent to a phone.")
    if config.of(MailSettings).server is None:
        yield StartLink("mail", "Mail inbox", "Every e-mail of the service. None of them leaves this machine.")
    for name, title in link_pages.titles():
        yield StartLink(name, title, "A page that a link in an e-mail leads to.")
    yield StartLink("health", "Health", "Whether the process is alive.")
    yield StartLink("ready", "Readiness", "Whether the service can serve, and the state of each dependency.")


def _simulator(config: Config) -> str | None:
    """Return the origin of the simulated Sinch, if one is used."""
    parts = urlsplit(config.sinch.base_url)
    return f"{parts.scheme}://{parts.netloc}" if is_this_machine(parts.hostname or "") else None


def _steps(config: Config) -> Iterator[Step]:
    readme = ROOT / "README.md"
    found = _SECTION.search(readme.read_text(encoding="utf-8")) if readme.is_file() else None
    own, simulator = f"http://127.0.0.1:{config.server.port}", _simulator(config) or _SIMULATOR
    section = (found[1] if found else "").replace(_SERVICE, own).replace(_SIMULATOR, simulator)
    for step in _STEP.finditer(section):
        yield Step(_MARKS.sub("", step["text"]), step["lines"])
