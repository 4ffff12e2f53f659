"""The order of measurements: short rounds that take turns, since the machine is not as quick at all times."""

import os
import platform
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from benchmarks import checks, flood, flows, hash_limit, people, saturation
from benchmarks.flood import Flood, Manners
from benchmarks.people import Person
from benchmarks.results import FloodFigures, FlowFigures, Latency, Machine, Results, RouteFigures, latency, spread
from benchmarks.saturation import Count, Crowd, Route
from benchmarks.stack import Stack
from benchmarks.wire import Connection, request
from otp_service.core import clock

FLOW_CLIENTS = 3 * (os.cpu_count() or 1)  # one hashes on each core, one waits for it, one is at the other steps
SETTLE_SECONDS = 0.5
CHECK = "time of a check / of verify-otp"
RATIOS = {  # name: a route, and the one that it is compared with
    "health / bare": ("/health", "bare"),
    "profile / bare": ("/profile", "bare"),
    "profile / bare with SELECT": ("/profile", "bare with SELECT"),
    "health / bare with SELECT": ("/health", "bare with SELECT"),
    "profile / refresh": ("/profile", "/auth/refresh"),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How many rounds, and the seconds of each measurement in one; of routes, how many turns each has in a round.

    `check_pairs` is how many codes of people and of backends a round of flows has.
    """

    flow_rounds: int
    flow_seconds: float
    limit_seconds: float
    flood_rounds: int
    flood_seconds: float
    route_rounds: int
    route_turns: int
    check_pairs: int
    is_quick: bool


FULL = Plan(6, 9, 2, 3, 6, 20, 10, 12, is_quick=False)
QUICK = Plan(1, 6, 2, 1, 3, 3, 8, 5, is_quick=True)
TURN_SECONDS = 0.15


def measure(stack: Stack, plan: Plan) -> Results:
    """Everything, one after another. Raises UnexpectedAnswer."""
    at, load = clock.now().isoformat(timespec="seconds"), round(os.getloadavg()[0], 2)
    machine = Machine(at, os.cpu_count() or 1, platform.python_version(), load, plan.is_quick)
    _say("flows beside the bcrypt limit")
    flow_figures = _measure_flows(stack, plan)
    _say("/health under floods of sign-ins")
    idle, floods = _measure_floods(stack, plan, flow_figures.hashes_per_second.median)
    _say("routes beside bare ones")
    counts = _measure_routes(stack, plan)
    routes = {
        name: RouteFigures(spread([c.per_second for c in found]), median(c.generator_share for c in found))
        for name, found in counts.items()
    }
    ratios = {
        name: spread([a.per_second / b.per_second for a, b in zip(counts[one], counts[other], strict=True)])
        for name, (one, other) in RATIOS.items()
    }
    _say("a backend's check beside verify-otp")
    ratios[CHECK] = checks.measure(stack, rounds=plan.flow_rounds, pairs=plan.check_pairs)
    return Results(machine, flow_figures, idle, floods, routes, ratios)


def _measure_flows(stack: Stack, plan: Plan) -> FlowFigures:
    """Each round of flows stands between two looks at the limit, and is compared with their mean."""
    tally = flows.Tally()
    rates = []
    limits = [hash_limit.measure(plan.limit_seconds)]
    for _ in range(plan.flow_rounds):
        clients, seconds = FLOW_CLIENTS, plan.flow_seconds
        rates.append(flows.measure(stack, clients=clients, warm_up_seconds=2, seconds=seconds, tally=tally))
        limits.append(hash_limit.measure(plan.limit_seconds))
    around = [(before + after) / 2 for before, after in pairwise(limits)]
    shares = [rate * hash_limit.HASHES_PER_FLOW / limit for rate, limit in zip(rates, around, strict=True)]
    steps = {step: latency(tally.step_seconds[step]) for step in flows.STEPS}
    return FlowFigures(spread(limits), spread(rates), spread(shares), FLOW_CLIENTS, tally.flows, tally.retries, steps)


def _measure_floods(stack: Stack, plan: Plan, hash_limit: float) -> tuple[Latency, dict[str, FloodFigures]]:
    crowd = _register_crowd(stack, flood.CLIENTS)
    idle = flood.probe(stack.service_port, plan.flood_seconds / 2)
    times: dict[Manners, list[float]] = defaultdict(list)
    answers: dict[Manners, Counter[int]] = defaultdict(Counter)
    for _ in range(plan.flood_rounds):
        for manners in Manners:
            with Flood(stack.service_port, crowd, manners) as pressing:
                time.sleep(2 * SETTLE_SECONDS)
                pressing.reset()
                times[manners] += flood.probe(stack.service_port, plan.flood_seconds)
            answers[manners].update(pressing.answers)
    possible = hash_limit * plan.flood_seconds * plan.flood_rounds
    return latency(idle), {
        manners.value: FloodFigures(
            latency(times[manners]),
            dict(answers[manners]),
            (answers[manners].total() - answers[manners][503]) / possible,
        )
        for manners in Manners
    }


def _register_crowd(stack: Stack, size: int) -> list[Person]:
    crowd = [people.new_person() for _ in range(size)]

    def register(person: Person) -> None:
        with Connection(stack.service_port) as connection:
            people.register(connection, person)

    with ThreadPoolExecutor(FLOW_CLIENTS) as pool:
        list(pool.map(register, crowd))
    return crowd


def _measure_routes(stack: Stack, plan: Plan) -> dict[str, list[Count]]:
    """Turns so short that a machine's better and worse seconds fall on all routes alike; a round is several of them."""
    found: dict[str, list[Count]] = defaultdict(list)
    routes = _routes(stack)
    _take_turns(routes, 1)  # whatever is made at first use
    for _ in range(plan.route_rounds):
        for name, count in _take_turns(routes, plan.route_turns).items():
            found[name].append(count)
    return found


def _take_turns(routes: list[Route], turns: int) -> dict[str, Count]:
    """Forwards and backwards, so that a machine that grows slower favours none; all on connections of their own."""
    total = {route.name: Count() for route in routes}
    with ExitStack() as hanging_up:
        crowds = {route.name: hanging_up.enter_context(Crowd(route)) for route in routes}
        for turn in range(turns):
            for name in crowds if turn % 2 else reversed(crowds):
                total[name] += crowds[name].ask(TURN_SECONDS)
    return total


def _routes(stack: Stack) -> list[Route]:
    """Of /auth/refresh each client has a session of its own: a session's tokens follow from each other."""
    crowd = _register_crowd(stack, saturation.CLIENTS)

    def sign_in(person: Person) -> tuple[str, bytes]:
        with Connection(stack.service_port) as service, Connection(stack.simulator_port) as simulator:
            return people.sign_in(service, simulator, person)

    with ThreadPoolExecutor(FLOW_CLIENTS) as pool:
        signed_in = list(pool.map(sign_in, crowd))
    profile = request("GET", f"{people.API}/profile", token=signed_in[0][0])
    refreshes = [first for _, first in signed_in]
    return [
        saturation.always("bare", stack.bare_port, request("GET", "/bare"), b'"bare"'),
        saturation.always("/health", stack.service_port, request("GET", "/health"), b'"UP"'),
        saturation.always("bare with SELECT", stack.bare_port, request("GET", "/bare-select"), b'"one":1'),
        saturation.always("/profile", stack.service_port, profile, crowd[0].email.encode()),
        Route("/auth/refresh", stack.service_port, refreshes, b'"refreshToken"', people.refresh_again),
    ]


def _say(what: str) -> None:
    print(f"Measuring {what} ...", flush=True)
