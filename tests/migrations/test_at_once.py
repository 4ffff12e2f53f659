"""Several processes that migrate the same database at the same moment."""

import pytest
from flask import Flask
from sqlalchemy import text

from otp_service.extensions import db
from tests.migrations import schema
from tests.migrations.conftest import Command

TOGETHER = 3


def run_together(flask_db: Command, *arguments: str) -> list[tuple[int, str]]:
    """Exit codes and complaints of some equal commands, started at once."""
    processes = [flask_db(*arguments) for _ in range(TOGETHER)]
    complaints = [process.communicate(timeout=120)[1] for process in processes]
    return [(process.returncode, told) for process, told in zip(processes, complaints, strict=True)]


@pytest.mark.parametrize("round_number", range(2))
def test_of_several_at_once_each_ends_well_and_one_schema_stands(
    empty_app: Flask, flask_db: Command, round_number: int
) -> None:
    for code, told in run_together(flask_db, "upgrade"):
        assert code == 0, told
    assert schema.differences() == []
    with db.engine.connect() as connection:
        assert len(connection.execute(text("SELECT version_num FROM alembic_version")).all()) == 1


def test_several_at_once_on_a_migrated_database_change_nothing(empty_app: Flask, flask_db: Command) -> None:
    for _ in range(2):
        for code, told in run_together(flask_db, "upgrade"):
            assert code == 0, told
    assert schema.differences() == []
