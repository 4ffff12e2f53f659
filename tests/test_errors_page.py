"""docs/errors.md lists every code that an answer can carry, and no other."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import otp_service
from config import ROOT
from otp_service.core.errors import ServiceError
from otp_service.core.web.problems import _HTTP_CODES, HttpError

ROW = re.compile(r"^\| `(?P<code>[a-z_]+)` \| (?P<status>\d{3}|any) \| (?P<message>[^|]+) \| [^|]+ \| [^|]+ \|$", re.M)
ANY_OTHER = ("http_error", "any", "the standard phrase of the status")


def import_all() -> None:
    for module in pkgutil.walk_packages(otp_service.__path__, "otp_service."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def kinds(parent: type[ServiceError] = ServiceError) -> Iterator[type[ServiceError]]:
    """The error and all below it, without those that only stand between (or take their code from a status)."""
    if not parent.__name__.startswith("_") and parent is not HttpError:
        yield parent
    for kind in parent.__subclasses__():
        yield from kinds(kind)


def raised() -> set[tuple[str, str, str]]:
    import_all()
    own = {(kind.code, str(kind.status_code), kind.title) for kind in kinds()}
    return own | {(code, str(status), title) for status, (code, title) in _HTTP_CODES.items()} | {ANY_OTHER}


def listed() -> list[tuple[str, str, str]]:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    return [(row["code"], row["status"], row["message"]) for row in ROW.finditer(page)]


def test_every_code_is_listed_with_its_status_and_message_and_none_is_stale() -> None:
    assert set(listed()) == raised()


def test_every_code_is_listed_once() -> None:
    codes = [code for code, _, _ in listed()]
    assert sorted(codes) == sorted(set(codes))


def test_a_code_belongs_to_one_kind_of_error_and_is_a_plain_word() -> None:
    import_all()
    own = [kind.code for kind in kinds()]
    assert sorted(own) == sorted(set(own))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in own)


def test_every_row_of_the_page_can_be_read() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert len(listed()) == len(re.findall(r"^\| `", page, re.M))
