"""The heads that the worker logs every hour are what `flask audit verify --head` reads, in either form of the log."""

import logging
from pathlib import Path

import pytest
from flask import Flask

from otp_service.audit import heads
from otp_service.core import clock
from otp_service.core.logging import JsonFormatter, TextFormatter
from tests.api import Api
from tests.core.logs.test_form import record
from tests.factories import make_person


@pytest.mark.parametrize("form", [JsonFormatter(), TextFormatter()], ids=["json", "text"])
def test_a_log_is_a_file_of_heads(
    app: Flask, api: Api, caplog: pytest.LogCaptureFixture, tmp_path: Path, form: logging.Formatter
) -> None:
    api.post("/auth/login", make_person(app).credentials)
    with app.app_context(), caplog.at_level("INFO"):
        heads.log_signed(at=clock.now())
        other = record(signature="eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl")
        told = [form.format(one) for one in caplog.records if one.msg == "audit.head"]
        log = tmp_path / "worker.log"
        log.write_text("\n".join([form.format(record("worker.started", pid=7)), *told]))

        verified = app.test_cli_runner().invoke(args=["audit", "verify", "--head", str(log)])

    assert len(told) == 1
    assert (verified.exit_code, "It holds all that" in verified.output) == (0, True), verified.output
    assert "eyJ" not in form.format(other)  # the same field of another event stays a secret
