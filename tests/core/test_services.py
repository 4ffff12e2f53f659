"""What the application holds: in one place, and not needed by a part that stands alone."""

import subprocess
import sys
from dataclasses import replace

import pytest
from flask import Flask

import otp_service
from config import ROOT
from otp_service.application import create_app
from otp_service.core.services import services, services_of, settings
from tests.environments import give

OF_FLASK_EXTENSIONS = {"sqlalchemy", "migrate", "flask-jwt-extended", "limiter"}


@pytest.mark.one_database
def test_an_application_holds_its_own_in_one_place(app: Flask) -> None:
    assert set(app.extensions) - OF_FLASK_EXTENSIONS == {"otp_service"}


@pytest.mark.one_database
def test_services_are_those_of_the_running_application(app: Flask) -> None:
    with app.app_context():
        assert services() is services_of(app)
        assert settings() is services_of(app).settings


@pytest.mark.one_database
def test_one_service_can_be_replaced(app: Flask) -> None:
    before = services_of(app)

    give(app, documents={"openapi": b"{}"})

    assert services_of(app) == replace(before, documents={"openapi": b"{}"})
    give(app, documents=before.documents)


def test_the_package_offers_the_factory() -> None:
    assert otp_service.create_app is create_app
    with pytest.raises(AttributeError, match="no attribute 'destroy_app'"):
        _ = otp_service.destroy_app


def test_the_simulator_starts_without_the_service() -> None:
    code = "import sys, otp_service.simulator; print(sorted({'flask', 'sqlalchemy'} & sys.modules.keys()))"

    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"
