"""`flask doctor`."""

import base64
import json
import shutil
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from config import ConfigError
from otp_service.core.services import services_of
from otp_service.extensions import db
from otp_service.jobs import records
from otp_service.jobs.records import Claim
from otp_service.ops import startup
from otp_service.ops.doctor import Health, rate_hashing
from otp_service.simulator import Simulator
from tests.api import Api
from tests.conftest import MakeApp, Time
from tests.environments import give
from tests.factories import log_in, make_person
from tests.gateways import gateway_at, gateway_of
from tests.mail.mailbox import Mailbox
from tests.processes import FlaskCommand
from tests.servers import ValkeyServer, free_port

NAMES = [
    *("settings", "tokens", "instance folder", "database", "clock", "migrations", "connections", "redis"),
    *("encryption", "mail", "audit", "hooks", "worker", "sinch", "hashing"),
]


class Report:
    """What the doctor says as JSON."""

    def __init__(self, app: Flask) -> None:
        result = app.test_cli_runner().invoke(args=["doctor", "--json"])
        self.exit_code = result.exit_code
        self.text = result.output
        self.findings = {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}

    def of(self, name: str) -> str:
        """The health of one thing; that of all others must be good."""
        others = {other for other, found in self.findings.items() if found["health"] == "FAILED"} - {name}
        assert not others, self.text
        return str(self.findings[name]["health"])


def let_a_worker_live(app: Flask) -> None:
    with app.app_context():
        records.beat(uuid.uuid4())


def test_a_good_installation_is_healthy(make_app: MakeApp) -> None:
    app = make_app(WEB_CONCURRENCY="2")
    let_a_worker_live(app)
    report = Report(app)
    assert report.exit_code == 0
    assert list(report.findings) == NAMES
    assert {finding["health"] for finding in report.findings.values()} == {"ok"}
    assert {finding["remedy"] for finding in report.findings.values()} == {None}
    assert json.loads(report.text)["healthy"] is True


def test_people_read_a_line_for_each_finding(make_app: MakeApp) -> None:
    app = make_app(WEB_CONCURRENCY="2")
    let_a_worker_live(app)
    result = app.test_cli_runner().invoke(args=["doctor"])
    lines = result.output.splitlines()
    assert [line[9:25].strip() for line in lines] == NAMES
    assert {line[:9].strip() for line in lines} == {"ok"}


def test_people_read_what_to_do(make_app: MakeApp) -> None:
    app = make_app(SINCH_APP_KEY="wrong", SINCH_APP_SECRET="d3Jvbmc=")
    let_a_worker_live(app)
    result = app.test_cli_runner().invoke(args=["doctor"])
    found, remedy = [line for line in result.output.splitlines() if "sinch" in line or "->" in line]
    assert found.startswith("FAILED   sinch ")
    assert remedy.lstrip().startswith("-> Copy SINCH_APP_KEY and SINCH_APP_SECRET")


def test_each_doubtful_setting_is_a_warning(make_app: MakeApp) -> None:
    report = Report(make_app(RATE_LIMITS_ENABLED="true", WEB_CONCURRENCY="4"))
    assert (report.exit_code, report.of("settings")) == (0, "warning")
    assert "REDIS_URL is not set" in report.text


def test_an_issuer_that_libraries_reject_is_a_warning(make_app: MakeApp, tmp_path: Path) -> None:
    report = Report(make_app(JWT_ALGORITHM="ES256", JWT_KEYS_DIR=str(tmp_path / "keys")))
    assert (report.exit_code, report.of("tokens")) == (0, "warning")
    assert "'otp_service' is no address" in report.text


@pytest.mark.parametrize("url", ["postgresql://me:canary@127.0.0.1:1/otp", "sqlite:////nowhere/at/all.db"])
def test_with_the_database_away_all_the_rest_is_looked_at(make_app: MakeApp, url: str) -> None:
    report = Report(make_app(DATABASE_URL=url))
    assert (report.exit_code, report.of("database")) == (1, "FAILED")
    unchecked = ("clock", "migrations", "connections", "encryption", "hooks", "worker")
    assert {report.findings[name]["health"] for name in unchecked} == {"warning"}
    assert report.findings["sinch"]["health"] == "ok"
    assert "canary" not in report.text


def test_a_database_without_tables_is_told_what_to_do(make_app: MakeApp, tmp_path: Path) -> None:
    report = Report(make_app(DATABASE_URL=f"sqlite:///{tmp_path / 'new.db'}"))
    assert (report.exit_code, report.of("migrations")) == (1, "FAILED")
    assert report.findings["migrations"]["remedy"] == "Run: flask db upgrade"


@pytest.mark.parametrize(("found", "state"), [("0001", "FAILED"), ("9999", "warning")])
def test_a_database_of_another_version_is_told(app: Flask, found: str, state: str) -> None:
    with app.app_context(), db.engine.begin() as connection:
        (version,) = connection.execute(text("SELECT version_num FROM alembic_version")).scalars()
        connection.execute(text("UPDATE alembic_version SET version_num = :found"), {"found": found})
    try:
        report = Report(app)
    finally:
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
    assert report.of("migrations") == state
    assert f"at version {found}" in report.findings["migrations"]["detail"]
    assert version in report.findings["migrations"]["detail"]


def test_a_database_that_can_only_be_read_is_a_failure(make_app: MakeApp, postgres_url: str) -> None:
    url = f"{postgres_url}?options=-c%20default_transaction_read_only%3Don"
    assert "is read-only" in Report(make_app(DATABASE_URL=url)).findings["database"]["detail"]


@pytest.mark.parametrize(("seconds", "health"), [(1, "ok"), (10, "warning"), (300, "FAILED")])
@pytest.mark.each_case
def test_a_clock_that_is_not_the_databases_is_told(app: Flask, time: Time, seconds: int, health: str) -> None:
    time.advance(seconds)
    assert Report(app).of("clock") == health


@pytest.mark.parametrize(("leeway", "seconds", "health"), [("5", 2, "ok"), ("5", 3, "warning"), ("20", 9, "ok")])
def test_a_clock_is_warned_about_above_half_of_the_leeway(
    make_app: MakeApp, time: Time, leeway: str, seconds: int, health: str
) -> None:
    app = make_app(CLOCK_LEEWAY=leeway)
    time.advance(seconds)
    assert Report(app).of("clock") == health


def test_redis_is_asked_when_it_is_set(make_app: MakeApp, valkey: ValkeyServer) -> None:
    report = Report(make_app(REDIS_URL=valkey.url))
    assert report.of("redis") == "ok"
    assert report.findings["redis"]["detail"].startswith("Valkey ")


@pytest.mark.parametrize("url", ["redis://:canary@127.0.0.1:1/0", "unix:///nowhere/redis.sock"])
def test_a_redis_that_is_away_is_a_failure(make_app: MakeApp, url: str) -> None:
    report = Report(make_app(REDIS_URL=url))
    assert (report.exit_code, report.of("redis")) == (1, "FAILED")
    assert "canary" not in report.text


def test_wrong_credentials_at_sinch_are_told(make_app: MakeApp) -> None:
    report = Report(make_app(SINCH_APP_KEY="wrong", SINCH_APP_SECRET="Y2FuYXJ5Y2FuYXJ5"))
    assert (report.exit_code, report.of("sinch")) == (1, "FAILED")
    assert "SINCH_APP_SECRET" in report.findings["sinch"]["remedy"]
    assert "Y2FuYXJ5" not in report.text


def test_sinch_away_is_told(make_app: MakeApp) -> None:
    report = Report(make_app(SINCH_BASE_URL=f"http://127.0.0.1:{free_port()}"))
    assert (report.exit_code, report.of("sinch")) == (1, "FAILED")
    assert "no connection to Sinch" in report.findings["sinch"]["detail"]


@pytest.mark.parametrize(("is_up", "health"), [(True, "ok"), (False, "FAILED")])
def test_a_gateway_is_reached_without_a_message(make_app: MakeApp, sinch: Simulator, is_up: bool, health: str) -> None:
    settings = gateway_of(sinch) if is_up else gateway_at(f"http://127.0.0.1:{free_port()}/messages")
    report = Report(make_app(**settings))

    assert (report.of("http gateway"), "sinch" in report.findings) == (health, False)
    assert (sinch.inbox(), sinch.calls) == ([], [])


@pytest.mark.parametrize(("status", "health"), [(403, "FAILED"), (500, "FAILED"), (429, "FAILED"), (404, "ok")])
def test_every_answer_of_sinch_has_a_meaning(app: Flask, sinch: Simulator, status: int, health: str) -> None:
    sinch.set_fault("status", "status", status_code=status, phase="before")
    assert Report(app).of("sinch") == health


def test_nothing_is_sent_and_nothing_stays(app: Flask, sinch: Simulator) -> None:
    Report(app)
    assert (sinch.count("start"), sinch.count("status")) == (0, 1)


def test_an_instance_folder_that_cannot_be_written_is_told(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app(INSTANCE_DIR=str(tmp_path / "instance"))
    shutil.rmtree(tmp_path / "instance")
    assert Report(app).of("instance folder") == "FAILED"


def test_the_speed_of_hashes_is_told_and_judged(make_app: MakeApp) -> None:
    app = make_app(PASSWORD_HASH_CONCURRENCY="2")
    with app.app_context():
        good, slow, crowded = (
            rate_hashing(seconds, cores=cores) for seconds, cores in ((0.25, 4), (1.5, 4), (0.25, 1))
        )
    assert good.detail == "bcrypt at cost 4 takes 250 ms, 2 at once on 4 cores: about 8.0 sign-ins a second"
    assert (good.health, slow.health, crowded.health) == (Health.OK, Health.WARNING, Health.WARNING)
    assert "PASSWORD_SALT_ROUNDS" in str(slow.remedy)
    assert "Set PASSWORD_HASH_CONCURRENCY to 1" in str(crowded.remedy)


def test_a_check_that_breaks_hides_no_other(make_app: MakeApp) -> None:
    app = make_app()
    give(app, providers={})
    report = Report(app)
    assert (report.of("sinch"), list(report.findings)) == ("FAILED", NAMES)


@pytest.mark.one_database
def test_unusable_settings_are_named_before_anything_else(environment: dict[str, str], tmp_path: Path) -> None:
    told = FlaskCommand(tmp_path, {**environment, "PASSWORD_SALT_ROUNDS": "99"}).run("doctor")

    assert told.code == 1
    assert "PASSWORD_SALT_ROUNDS: holds '99'" in told.complaints
    assert "Traceback" not in told.complaints


def test_a_missing_worker_is_found_with_what_to_do(app: Flask, time: Time) -> None:
    never = Report(app).findings["worker"]
    let_a_worker_live(app)
    time.advance(records.ALIVE.total_seconds() + 1)

    gone = Report(app).findings["worker"]

    assert (never["health"], never["detail"]) == ("warning", "none was ever seen")
    assert (gone["health"], gone["detail"][:10]) == ("warning", "none since")
    assert "flask worker" in never["remedy"]


def test_a_job_that_is_late_is_found(app: Flask, time: Time) -> None:
    with app.app_context():
        held = Claim("sweep", uuid.uuid4(), timedelta(seconds=60))
        assert records.claim(held)
        records.release(held, error=None)
    time.advance(3_600)
    let_a_worker_live(app)

    assert Report(app).findings["worker"]["detail"].endswith("; late: sweep")


def test_a_mail_server_that_is_away_is_a_failure(make_app: MakeApp) -> None:
    report = Report(make_app(SMTP_HOST="127.0.0.1", SMTP_PORT=str(free_port()), SMTP_TLS="none"))

    assert report.of("mail") == "FAILED"
    assert "fix SMTP_URL" in report.findings["mail"]["remedy"]


def test_a_mail_server_is_asked_and_sends_no_message(make_app: MakeApp) -> None:
    with Mailbox() as mailbox:
        report = Report(make_app(SMTP_HOST="127.0.0.1", SMTP_PORT=str(mailbox.port), SMTP_TLS="none"))

        assert report.of("mail") == "ok"
        assert mailbox.messages == []


def test_more_connections_than_the_server_allows_are_a_warning(make_app: MakeApp, postgres_url: str) -> None:
    crowded = {"DATABASE_URL": postgres_url, "DATABASE_POOL_SIZE": "200", "WEB_CONCURRENCY": "64"}
    report = Report(make_app(**crowded, REDIS_URL=""))

    assert report.findings["connections"]["health"] == "warning"
    assert "DATABASE_POOL_SIZE" in report.findings["connections"]["remedy"]


def test_a_key_that_opens_nothing_is_a_failure_and_stops_the_start(app: Flask, api: Api, make_app: MakeApp) -> None:
    log_in(api, make_person(app))
    key = base64.b64encode(bytes(range(7, 39))).decode()

    report = Report(make_app(ENCRYPTION_KEY=key))

    assert report.of("encryption") == "FAILED"
    assert "verifications.provider_id" in report.findings["encryption"]["detail"]
    other = make_app(ENCRYPTION_KEY=key)
    with other.app_context(), pytest.raises(ConfigError, match="ENCRYPTION_KEY: opens no stored value"):
        startup.require_right_key()
    result = other.test_cli_runner().invoke(args=["worker"])
    assert "ENCRYPTION_KEY: opens no stored value" in str(result.exception)


def test_of_several_keys_one_that_opens_is_enough(app: Flask, api: Api, make_app: MakeApp) -> None:
    log_in(api, make_person(app))
    old = base64.b64encode(services_of(app).settings.encryption_keys[0]).decode()
    new = base64.b64encode(bytes(range(7, 39))).decode()

    assert Report(make_app(ENCRYPTION_KEY=f"{new},{old}")).of("encryption") == "ok"
