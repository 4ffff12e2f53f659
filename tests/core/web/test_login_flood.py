"""Many sign-ins at once on a real server: as many as can be are answered, the rest is told when to come back."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.core.web.gunicorn import Answer, Gunicorn

pytestmark = pytest.mark.one_database

LOGINS = 200
LOOKS = 20
SETTINGS = {
    "RATE_LIMITS_ENABLED": "false",
    "PASSWORD_SALT_ROUNDS": "10",
    "PASSWORD_HASH_WAIT_MS": "1000",
    "DATABASE_POOL_SIZE": "100",  # only the hashes may be scarce, however slow the machine is
    "DATABASE_LOCK_TIMEOUT_MS": "30000",
}


def test_of_200_sign_ins_at_once_the_excess_is_told_to_come_back_and_health_answers(tmp_path: Path) -> None:
    with Gunicorn(tmp_path, **SETTINGS) as server, ThreadPoolExecutor(LOGINS + 1) as pool:

        def log_in(number: int) -> Answer:
            return server.call("/auth/login", {"email": f"nobody{number}@example.com", "password": "Correct-Horse-7"})

        logins = [pool.submit(log_in, number) for number in range(LOGINS)]
        looks = [server.send(b"GET /health HTTP/1.1\r\n").status for _ in range(LOOKS)]
        answers = [login.result() for login in logins]
    refused = [answer for answer in answers if answer.status == 503]
    assert looks == [200] * LOOKS
    assert Counter(answer.status for answer in answers if answer.status != 503).keys() == {401}
    assert refused
    assert {answer.json["code"] for answer in refused} == {"overloaded"}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
