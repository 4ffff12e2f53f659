"""`python -m benchmarks.audit_cost`: what the audit trail costs a sign-in, whether it makes writers wait, and how fast
it is verified. In turns, since the machine is not as quick at all times.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from statistics import median

from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade

from benchmarks.stack import SETTINGS
from config import Config
from otp_service import audit
from otp_service.accounts import password_hashing, registrations
from otp_service.application import create_app
from otp_service.audit import COMMAND_LINE, appending, verifying
from otp_service.audit.models import AuditEvent
from otp_service.core import clock
from otp_service.core.database.statements import prepared_insert
from otp_service.core.database.transactions import execute_later, transaction
from otp_service.simulator import Simulator, SimulatorSettings, running
from otp_service.simulator.settings import DEMO_KEY, DEMO_SECRET
from tests.servers import PostgresServer

WRITERS = 8
QUICKEST_HASH = 4
PASSWORD = "Correct-Horse-7"
_plain = prepared_insert(AuditEvent)


def main() -> None:
    """Print three figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit_cost", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="turns of each measurement")
    parser.add_argument("--events", type=int, default=100_000, help="events to verify")
    arguments = parser.parse_args()
    with PostgresServer(durable=True) as server, running(SimulatorSettings(DEMO_KEY, DEMO_SECRET)) as simulator:
        app = _app(server.create_database("audit"), simulator)
        with app.app_context():
            upgrade(directory="migrations")
            report_sign_in(app, simulator, arguments.rounds)
            report_writers(app, arguments.rounds)
            report_verification(arguments.events)


def _app(database_url: str, simulator: Simulator) -> Flask:
    env = {**SETTINGS, "INSTANCE_DIR": tempfile.mkdtemp(), "DATABASE_URL": database_url, "LOG_LEVEL": "ERROR",
           "SINCH_BASE_URL": simulator.base_url, "DATABASE_POOL_SIZE": "20", "OTP_RESEND_COOLDOWN": "0"}  # fmt: skip
    config = Config.from_env({**os.environ, **env})
    return create_app(replace(config, passwords=replace(config.passwords, salt_rounds=QUICKEST_HASH)))


def report_sign_in(app: Flask, simulator: Simulator, rounds: int) -> None:
    """Compare sign-ins with sign-ins whose events are not stored, all with the quickest hash."""
    people = [_person(number) for number in range(2 * rounds + 2)]
    client, seconds = app.test_client(), {True: list[float](), False: list[float]()}
    for number, person in enumerate(people):
        is_audited = number % 2 == 0
        taken = _without_audit(is_audited, lambda: _sign_in(client, simulator, *person))  # noqa: B023 - run at once
        if number > 1:  # the first ones build statements
            seconds[is_audited].append(taken)
    with_audit, without = (median(seconds[is_audited]) for is_audited in (True, False))
    share = (with_audit - without) / with_audit
    print(
        f"a sign-in beside its hash: {with_audit * 1000:.1f} ms, {without * 1000:.1f} ms without the trail: {share:.0%}"
    )


def _person(number: int) -> tuple[str, str]:
    email, phone_number = f"bench{number}@example.com", f"+1415555{3000 + number}"
    registrations.create(
        email=email, phone_number=phone_number, password_hash=password_hashing.hash_password(PASSWORD),
        client=COMMAND_LINE, is_verified=True,
    )  # fmt: skip
    return email, phone_number


def _without_audit(is_audited: bool, act: Callable[[], float]) -> float:
    """Run with or without the trail."""
    add = appending.add
    if not is_audited:
        appending.add = lambda *_, **__: None
    try:
        return act()
    finally:
        appending.add = add


def _sign_in(client: FlaskClient, simulator: Simulator, email: str, phone_number: str) -> float:
    started = time.perf_counter()
    answer = client.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD})
    half = time.perf_counter() - started
    code = simulator.inbox(phone_number)[0]["code"]
    body = {"challengeToken": answer.json["challengeToken"], "otpCode": code}  # type: ignore[index]
    started = time.perf_counter()
    verified = client.post("/api/v1/auth/verify-otp", json=body)
    assert verified.status_code == 200, verified.json
    return half + time.perf_counter() - started


def report_writers(app: Flask, rounds: int) -> None:
    """Compare chained events with plain rows, by one writer and by several at once."""
    a_second: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for name, write in {"chained": _write_chained, "plain": _write_plain}.items():
            for writers in (1, WRITERS):
                a_second.setdefault((name, writers), []).append(_transactions_a_second(app, write, writers))
    figures = {key: median(found) for key, found in a_second.items()}
    for name in ("chained", "plain"):
        gain = figures[name, WRITERS] / figures[name, 1]
        print(
            f"{name}: {figures[name, 1]:.0f}/s by 1 writer, {figures[name, WRITERS]:.0f}/s by {WRITERS}: x {gain:.2f}"
        )
    print(f"{WRITERS} writers, chained / plain: {figures['chained', WRITERS] / figures['plain', WRITERS]:.2f}")


def _transactions_a_second(app: Flask, write: Callable[[], None], writers: int, each: int = 40) -> float:
    def several() -> None:
        with app.app_context():
            for _ in range(each):
                with transaction():
                    write()

    started = time.perf_counter()
    with ThreadPoolExecutor(writers) as pool:
        for one in [pool.submit(several) for _ in range(writers)]:
            one.result()
    return writers * each / (time.perf_counter() - started)


def _write_chained() -> None:
    audit.append("user.frozen", user_id=1, client=COMMAND_LINE, at=clock.now(), reason="x")


def _write_plain() -> None:
    row = {"at": clock.now(), "event": "user.frozen", "user_id": 1, "ip": "", "agent": "command line"}
    execute_later(*_plain(**row, request_id=None, facts={"reason": "x"}))


def report_verification(events: int) -> None:
    """Verify a long trail."""
    with transaction():
        audit.record_for_each("user.imported", range(events), at=clock.now(), verified=True)
    started, on_processor = time.perf_counter(), time.process_time()
    report = verifying.verify()
    seconds, busy = time.perf_counter() - started, time.process_time() - on_processor
    a_million = busy / report.events * 1_000_000
    print(f"verified {report.events} events in {seconds:.1f} s, {a_million:.0f} s of processor time for a million")


if __name__ == "__main__":
    main()
