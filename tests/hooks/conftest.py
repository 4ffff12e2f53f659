"""A service whose hooks may lead to this machine, and receivers on it."""

from collections.abc import Iterator

import pytest
from flask import Flask

from otp_service.core.services import services_of
from otp_service.extensions import db
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp
from tests.factories import Person, make_person
from tests.hooks.receiver import Receiver


@pytest.fixture(scope="session")
def session_service(session_app: Flask, build_app: MakeApp) -> Iterator[Flask]:
    """One application for all tests of hooks, next to the one that migrated the database."""
    app = build_app(HOOKS_ALLOW_PRIVATE="true")
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def service(app: Flask, session_service: Flask) -> Iterator[Flask]:
    """That application, on a database whose rows are deleted afterwards."""
    yield session_service
    services_of(session_service).audit_keys.clear()  # as those of the other application


@pytest.fixture
def api(service: Flask) -> Api:
    """Its JSON API."""
    return Api(service)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of events."""
    with Receiver() as server:
        yield server


@pytest.fixture
def ada(service: Flask, sinch: Simulator) -> Person:
    """A registered person, from before any hook."""
    return make_person(service)
