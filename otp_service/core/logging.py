"""Logs: one event a line, as JSON or as readable text, with the request id and without secrets."""

import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from otp_service.core.phone import mask
from otp_service.core.web.tracing import calling_app, concerned_user_id, request_id

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_NUMBER = re.compile(r"(?:\+|%2[Bb])([1-9](?:[ ().-]{0,2}[0-9]){6,})")
_SECRETS = re.compile(
    r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]+"  # JWTs
    r"|\b(?:ch|rt|dt|kd|kp|lk)_[A-Za-z0-9_-]{20,}"  # our own tokens, even if cut
    r"|\b[a-z]{2}_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"  # and tokens of kinds to come
    r"|otpk_[A-Za-z0-9_]+|b3Rwa1[A-Za-z0-9+/_-]+=*"  # keys of backends, also in base64 as Basic sends them
    r"|whsec_[A-Za-z0-9+/_-]+=*"  # secrets that sign webhooks
    r"|\$(?:bcrypt-sha256\$|2[aby]\$)[^\s\"']+"  # password hashes
)
_SIGNED_HEAD = ("otp_service.audit", "audit.head", "signature")
"""The logger, event and field with a JWS that is no token: it signs the audit trail, and is to be read (ADR 48)."""

_PRIVATE_FIELD = re.compile(r"password|otp_?code|token|secret|authorization|credential|cookie", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")  # JSON escapes the others itself
_C0 = re.compile(r"[\x00-\x08\x0b-\x1f]")
LARGEST_NUMBER = 2**53  # beyond it, JSON parsers differ
_QUIET = ("alembic", "flask-limiter", "urllib3", "limits", "werkzeug")


def configure_logging(*, level: str, form: str) -> None:
    """Send the logs to standard error, through one handler however often this is called."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    handler.set_name("otp_service")
    root = logging.getLogger()
    for old in [h for h in root.handlers if h.get_name() == "otp_service"]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))


def redact(text: str) -> str:
    """Mask phone numbers, and replace tokens and password hashes."""
    if "+" in text or "%2" in text:
        text = _NUMBER.sub(lambda found: mask("+" + re.sub(r"\D", "", found[1])), text)
    text = _SECRETS.sub("[secret]", text)
    if text.isascii() and "\x7f" not in text:
        return text
    return _CONTROLS.sub("?", text).encode("utf-8", "replace").decode()  # no lone surrogates: JSON has none


def facts(record: logging.LogRecord) -> dict[str, Any]:
    """Return the redacted facts of a record: event, request id, and the fields given as `extra`."""
    found: dict[str, Any] = {"event": redact(record.getMessage())}
    if (trace := request_id()) is not None:
        found["requestId"] = trace
    if (user_id := concerned_user_id()) is not None:
        found["userId"] = user_id  # the record's own `userId`, if it has one, replaces it
    if (app := calling_app()) is not None:
        found["app"] = app
    for name, value in vars(record).items():
        if name not in _STANDARD:
            is_signed_head = (record.name, record.msg, name) == _SIGNED_HEAD
            found[name] = str(value) if is_signed_head else _shown(name, value)
    if record.exc_info:
        found["exception"] = redact(logging.Formatter().formatException(record.exc_info))
    return found


@lru_cache(maxsize=1_024)
def _is_private(name: str) -> bool:
    return _PRIVATE_FIELD.search(name) is not None


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _shown(str(key), item) for key, item in value.items()}
    if _is_private(name):
        return "[secret]"
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(name, item) for item in value]
    is_number = isinstance(value, int | float | bool) and abs(value) <= LARGEST_NUMBER
    return value if is_number or value is None else redact(str(value))


class JsonFormatter(logging.Formatter):
    """One JSON object a line. JSON's own escapes keep line breaks, ANSI codes and quotes from forging lines."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        head = {"time": _time(record), "level": record.levelname, "logger": record.name}
        return orjson.dumps({**head, **facts(record)}, default=str).decode()


class TextFormatter(logging.Formatter):
    """For a terminal: time, level, event, then `name=value` with escaped values."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        found = facts(record)
        trace = found.pop("exception", None)
        event = ascii(found.pop("event"))[1:-1]
        fields = " ".join(f"{name}={orjson.dumps(value, default=str).decode()}" for name, value in found.items())
        line = f"{_time(record)[11:23]} {record.levelname:<7} {event} {fields}".rstrip()
        return f"{line}\n{_indented(trace)}" if trace else line


def _indented(trace: str) -> str:
    """Indent a traceback and drop controls, so that it forges no line of the log and sends no code to the terminal."""
    return "\n".join(f"    {_C0.sub('?', line)}" for line in trace.splitlines())


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
