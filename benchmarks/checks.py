"""What a backend's check costs beside a person's `verify-otp`: both decide about a code that the provider made."""

import json
import time
from statistics import median

from benchmarks import people
from benchmarks.results import Spread, spread
from benchmarks.stack import Stack, run_command
from benchmarks.wire import Connection, request

_APP = "benchmark"


def measure(stack: Stack, *, rounds: int, pairs: int) -> Spread:
    """The time of a check over that of a `verify-otp`: of each round the ratio of the medians. They take turns."""
    key = json.loads(run_command(stack, "apps", "create", _APP, "--scope", "verifications", "--json"))["key"]
    with Connection(stack.service_port) as service, Connection(stack.simulator_port) as simulator:
        _pair(service, simulator, key)  # whatever is made at first use
        found = [[_pair(service, simulator, key) for _ in range(pairs)] for _ in range(rounds)]
    return spread([median(check for check, _ in turn) / median(verify for _, verify in turn) for turn in found])


def _pair(service: Connection, simulator: Connection, key: str) -> tuple[float, float]:
    """The seconds of one check and of one `verify-otp`, each for a number of its own."""
    person = people.new_person()
    people.register(service, person)
    challenge_token, code = people.code_in_hand(service, simulator, person)
    started = time.perf_counter()
    people.verify(service, challenge_token, code)
    verify_seconds = time.perf_counter() - started

    customer = people.new_person()
    body = {"phoneNumber": customer.phone_number}
    path = f"{people.API}/verifications"
    verification = service.ask(request("POST", path, body=body, token=key)).expect(201)
    check = {"code": people.read_code(simulator, customer)}
    raw = request("POST", f"{path}/{verification['id']}/check", body=check, token=key)
    started = time.perf_counter()
    service.ask(raw).expect(200)
    return time.perf_counter() - started, verify_seconds
