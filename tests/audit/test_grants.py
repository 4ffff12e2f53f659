"""The grants of docs/audit.md: the service works, and cannot change what it recorded."""

import os
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import delete, text, update
from sqlalchemy.exc import ProgrammingError

from config import ROOT
from otp_service import audit
from otp_service.audit import COMMAND_LINE, grants
from otp_service.audit.models import AuditEvent
from otp_service.core import clock
from otp_service.core.database.transactions import execute, transaction
from otp_service.extensions import db
from otp_service.jobs import retention
from otp_service.ops import database_state
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp
from tests.factories import make_person, sign_in
from tests.trail import entries

ROLES = {name: f"{name}_{os.getpid()}" for name in ("otp_service", "otp_auditor")}
"""Roles belong to the whole server, which other test processes use."""


def documented() -> str:
    page = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    (sql,) = re.findall(r"```sql\n(.*?)```", page, re.S)
    return re.sub("|".join(ROLES), lambda found: ROLES[found[0]], sql)


@pytest.fixture
def roles(app: Flask) -> Iterator[None]:
    """The roles of the documentation, on PostgreSQL."""
    with app.app_context():
        if db.engine.dialect.name != "postgresql":
            yield
            return
        with db.engine.begin() as connection:
            connection.execute(text(documented()))
        yield
        names = ", ".join(ROLES.values())
        with db.engine.begin() as connection:
            connection.execute(text(f"DROP OWNED BY {names}; DROP ROLE {names}"))


@pytest.fixture
def service(app: Flask, roles: None, make_app: MakeApp) -> Flask:
    """The service by its own role; on SQLite, which has none, as ever."""
    return make_app(**as_role(app, "otp_service"))


def as_role(app: Flask, name: str) -> dict[str, str]:
    with app.app_context():
        if db.engine.dialect.name != "postgresql":
            return {}
        return {"DATABASE_URL": db.engine.url.set(username=ROLES[name]).render_as_string(hide_password=False)}


def record_old(app: Flask) -> None:
    with app.app_context(), transaction():
        long_ago = clock.now() - timedelta(days=500)
        audit.record("user.frozen", user_id=7, client=COMMAND_LINE, at=long_ago, reason="x")


def test_the_service_works_and_cannot_change_what_it_recorded(
    app: Flask, service: Flask, make_app: MakeApp, sinch: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    record_old(service)
    sign_in(Api(service), sinch, make_person(service))
    has_roles = app.config["SQLALCHEMY_DATABASE_URI"].startswith("postgresql")
    before = len(entries(app))

    with service.app_context():
        assert database_state.find() == database_state.UP
        assert grants.excessive() == []
        if has_roles:
            for statement in (update(AuditEvent).values(event="x"), delete(AuditEvent)):
                with pytest.raises(ProgrammingError, match="permission denied"), transaction():
                    execute(statement)
        retention.run()
        assert ("audit.not_pruned" in caplog.messages) == has_roles
    assert len(entries(app)) == (before if has_roles else before - 1)


def test_the_auditors_role_deletes_old_events_and_adds_none(app: Flask, service: Flask, make_app: MakeApp) -> None:
    record_old(service)

    auditor = make_app(**as_role(app, "otp_auditor"))
    with auditor.app_context():
        told = auditor.test_cli_runner().invoke(args=["audit", "prune"])
        verified = auditor.test_cli_runner().invoke(args=["audit", "verify"])

    assert "Deleted 1 events" in told.output, told.output
    assert "is intact: 0 events" in verified.output, verified.output


def test_the_doctor_names_what_a_role_may_and_need_not(app: Flask) -> None:
    with app.app_context():
        told = grants.excessive()
        on_postgresql = ["UPDATE, DELETE, TRUNCATE audit_events", "DELETE, TRUNCATE audit_heads",
                         "UPDATE, DELETE, TRUNCATE audit_bases"]  # fmt: skip
        assert told == (on_postgresql if db.engine.dialect.name == "postgresql" else [])
