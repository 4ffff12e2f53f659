"""Reads `.env` strictly: each line counts, or the start is rejected. Values are literal; `${NAME}` is not replaced."""

import difflib
import io
import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

READ_ELSEWHERE = frozenset(
    {
        *("HOST", "PORT", "GUNICORN_RELOAD", "MIGRATE_ON_START", "SIMULATOR_PORT", "SINCH_CALLBACK_URL"),
        *("DEBUG", "FLASK_DEBUG"),  # read in production
        *("DB_PORT", "DB_USER", "DB_PASSWORD", "DB_PASSWORD_FILE", "DB_NAME"),  # read with DB_HOST
        *("SMTP_URL", "SMTP_URL_FILE"),  # read without SMTP_HOST
        *(
            "SMTP_PORT",
            "SMTP_USER",
            "SMTP_PASSWORD",
            "SMTP_PASSWORD_FILE",
            "SMTP_TLS",
            "SMTP_CA_FILE",
        ),  # read with SMTP_HOST
    }
)
"""Settings that the configuration does not ask for, or not always: gunicorn, scripts and the simulator read them."""
OF_OTHERS = re.compile(
    r"(FLASK|PYTHON|UV|PIP|PG|REQUESTS|SSL|COMPOSE|DOCKER|OTEL)_?[A-Z_]+|GUNICORN_CMD_ARGS|TZ|LANG|LC_[A-Z]+|[A-Z]+_PROXY",
    re.IGNORECASE,
)
"""Names in `.env` that belong to a tool which reads the same file."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class EnvFileFault(ValueError):
    """A file of settings cannot be used; `faults` has a line for each cause, with file and line number."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


def read_env_file(path: Path) -> dict[str, str]:
    """Return names and texts of the file; an absent file has none. Raises EnvFileFault. No fault shows a value."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise EnvFileFault([f"{path}, line {line}: is not UTF-8; save the file in UTF-8."]) from None
    except OSError as error:
        raise EnvFileFault([f"{path}: cannot be read ({type(error).__name__}); make it a readable file."]) from None
    bindings = [binding for binding in parse_stream(io.StringIO(text)) if binding.key or binding.error]
    if faults := [f"{path}, line {line}: {fault}" for line, fault in _faults(bindings)]:
        raise EnvFileFault(faults)
    return {str(binding.key): binding.value or "" for binding in bindings}


def _faults(bindings: list[Binding]) -> Iterator[tuple[int, str]]:
    lines: dict[str, int] = {}
    for binding in bindings:
        # python-dotenv counts the blank lines before a setting as its own.
        blank = len(binding.original.string) - len(binding.original.string.lstrip())
        line = binding.original.line + binding.original.string[:blank].count("\n")
        if binding.error or binding.value is None or not _NAME.fullmatch(binding.key or ""):
            yield line, "is not understood; write NAME=value, and close each quote."
        elif "\n" in binding.original.string.strip():
            yield line, f"{binding.key} goes on over several lines; close its quote in the same line."
        elif binding.key in lines:
            yield line, f"{binding.key} is set in line {lines[str(binding.key)]} already; keep one of them."
        else:
            lines[str(binding.key)] = line


def merged(file: Mapping[str, str], path: Path) -> dict[str, str]:
    """Return the settings of the file and of the environment, which wins."""
    # The flask command has put the file into the environment already, with ${NAME} replaced: the literal text counts.
    replaced = dotenv_values(path, encoding="utf-8") if file else {}
    environment = {name: text for name, text in os.environ.items() if replaced.get(name) != text}
    return {**file, **environment}


def unknown_names(names: Collection[str], known: Collection[str]) -> Iterator[str]:
    """Yield a warning for each name that is no setting, with the most similar one."""
    for name in sorted(set(names) - set(known)):
        if OF_OTHERS.fullmatch(name):
            continue
        similar = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.75)
        hint = f"did you mean {similar[0]}?" if similar else "docs/settings.md lists all settings"
        yield f"{name} in .env is not a setting and has no effect: {hint}"
