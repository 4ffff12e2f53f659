"""Sends requests that the OpenAPI document allows, and others, to every route; prints each response that it forbids.

Nothing depends on speed or chance: the examples follow from a fixed seed, and their number is bounded (`--examples`).
"""

import argparse
import itertools
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import schemathesis
from flask import Flask
from flask_migrate import upgrade
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.failures import Failure, FailureGroup

from config import Config
from otp_service import sessions
from otp_service.accounts.settings import ExistenceSettings
from otp_service.application import create_app
from otp_service.backends.app_keys import Scope
from otp_service.core import background, clock
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions import Caller
from otp_service.simulator import SimulatorSettings, running
from otp_service.simulator.settings import DEMO_KEY, DEMO_SECRET
from tests.backends.callers import make_key
from tests.factories import QUICK_HASH_COST, make_person

DOCUMENT = "/api/v1/openapi.json"
SIGNED = "webhooks_verification_event"  # only Sinch can sign its events, so every body is 401 here
CONFIG = schemathesis.Config.from_dict({"generation": {"allow-x00": False}})  # no schema says it of unknown fields
CLIENT = ClientInfo(ip="127.0.0.1", agent="fuzz")


def main() -> int:
    """Return 1 if a response is not as documented, else 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=6, help="of each kind, for each route")
    parser.add_argument("--only", default="", help="a part of the name of the operations")
    arguments = parser.parse_args()
    _register_formats()
    faults: dict[str, str] = {}
    with served() as app:
        schemathesis.auth(refresh_interval=None)(Visitor(app).provider())
        document = schemathesis.openapi.from_wsgi(DOCUMENT, app, config=CONFIG)
        results: Any = document.get_all_operations()
        operations = [result.ok() for result in results]
        chosen = [one for one in operations if arguments.only in one.definition.raw["operationId"]]
        for operation in chosen:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                faults |= _faults(operation, mode, arguments.examples)
        if not arguments.only:
            faults |= _faults_of_links(document, arguments.examples)
        background_is_done(app)
    for fault in faults.values():
        print(fault)
    print(f"{len(chosen)} operations, {len(faults)} faults")
    return int(bool(faults))


@contextmanager
def served() -> Iterator[Flask]:
    """An application on an empty database, without limits that many requests would reach."""
    with tempfile.TemporaryDirectory() as folder, running(SimulatorSettings(DEMO_KEY, DEMO_SECRET)) as simulator:
        settings = {
            "APP_ENV": "development",
            "INSTANCE_DIR": folder,
            "DATABASE_URL": f"sqlite:///{Path(folder, 'fuzz.db')}",
            "SINCH_BASE_URL": simulator.base_url,
            "RATE_LIMITS_ENABLED": "false",
            "LOG_LEVEL": "ERROR",
        }
        config = Config.from_env(settings)
        cheap = replace(config.passwords, salt_rounds=QUICK_HASH_COST)
        quick = replace(config.of(ExistenceSettings), answer_seconds=0.0)
        app = create_app(replace(config, passwords=cheap).with_section(quick))
        with app.app_context():
            upgrade(directory="migrations")
        yield app


def background_is_done(app: Flask) -> None:
    """Wait for what responses left for later, before the database goes."""
    with app.app_context():
        background.drain()


class Visitor:
    """A signed-in person, who signs in again for each request: a request may end the session. Or a backend."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self.key = make_key(app, *Scope).text

    def provider(self) -> type:
        """Return what schemathesis asks for the token of a request."""
        visitor = self

        class Provider:
            def get(self, case: Any, _context: Any) -> str:
                takes_key = {"apiKey": []} in case.operation.definition.raw["security"]
                return visitor.key if takes_key else visitor.token()

            def set(self, case: Any, data: str, _context: Any) -> None:
                case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}

        return Provider

    def token(self) -> str:
        """Return the access token of a fresh sign-in."""
        person = make_person(self._app, is_verified=True)
        with self._app.app_context():
            caller = Caller(person.id, ("pwd", "sms"), "aal2", clock.now(), is_verified=True)
            return sessions.start(caller, client=CLIENT).token


def bounded(examples: int) -> hypothesis.settings:
    """Settings under which every run does the same."""
    return hypothesis.settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def _register_formats() -> None:
    """Make what no schema can say: numbers of a numbering plan, addresses with a host, passwords of the policy."""
    numbers = st.integers(min_value=0, max_value=9_999).map(lambda last: f"+1415555{last:04d}")
    names = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)
    serial = itertools.count(1_000)  # no two alike: a new password must differ from the current one
    schemathesis.openapi.format("phone-number", numbers)
    schemathesis.openapi.format("email", names.map(lambda name: f"{name}@example.com"))
    schemathesis.openapi.format("password", st.builds(lambda: f"Tram-To-Altstetten-{next(serial)}"))
    schemathesis.openapi.format(
        "base64url", st.text("abcdefghijklmnopqrstuvwxyzABC0123456789-_", min_size=4, max_size=4)
    )


def _faults(operation: Any, mode: GenerationMode, examples: int) -> dict[str, str]:
    """Return what is wrong with the responses of one route, by kind."""
    found: dict[str, str] = {}
    if mode is GenerationMode.POSITIVE and operation.definition.raw["operationId"] == SIGNED:
        return found

    @bounded(examples)
    @given(case=operation.as_strategy(generation_mode=mode))
    def try_it(case: Any) -> None:
        try:
            case.call_and_validate()
        except FailureGroup as group:
            for failure in group.exceptions:
                found.setdefault(f"{operation.label} {type(failure).__name__}", _told(operation.label, case, failure))

    with suppress(hypothesis.errors.Unsatisfiable):  # nothing can be wrong with a request without body and parameters
        try_it()
    return found


def _faults_of_links(document: Any, examples: int) -> dict[str, str]:
    """Follow the links between the operations."""
    found: dict[str, str] = {}

    class Linked(document.as_state_machine()):  # type: ignore[misc]
        def validate_response(self, response: Any, case: Any, **more: Any) -> None:
            try:
                super().validate_response(response, case, **more)
            except FailureGroup as group:
                for failure in group.exceptions:
                    label = case.operation.label
                    found.setdefault(f"linked {label} {type(failure).__name__}", _told(label, case, failure))

    Linked.run(settings=hypothesis.settings(bounded(examples), stateful_step_count=4))
    return found


def _told(label: str, case: Any, failure: Failure) -> str:
    return f"{label}: {failure.title}\n  {failure.message}\n  {case.body!r}\n"


if __name__ == "__main__":
    sys.exit(main())
