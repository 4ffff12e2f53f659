"""Several processes that migrate the same database at the same moment."""

from flask import Flask
from sqlalchemy import text

from otp_service.extensions import db
from tests.migrations import schema
from tests.processes import Ended, FlaskCommand, ended

TOGETHER = 3


def run_together(flask_command: FlaskCommand, *arguments: str) -> list[Ended]:
    """What some equal commands left behind, started at once."""
    programs = [flask_command.start(*arguments) for _ in range(TOGETHER)]
    return [ended(program) for program in programs]


def test_of_several_at_once_each_ends_well_and_one_schema_stands(empty_app: Flask, flask_command: FlaskCommand) -> None:
    for each in run_together(flask_command, "db", "upgrade"):
        assert each.code == 0, each.complaints
    assert schema.differences() == []
    with db.engine.connect() as connection:
        assert len(connection.execute(text("SELECT version_num FROM alembic_version")).all()) == 1

    made = schema.snapshot()
    for each in run_together(flask_command, "db", "upgrade"):
        assert each.code == 0, each.complaints
    assert schema.snapshot() == made, "on a migrated database they change nothing"
