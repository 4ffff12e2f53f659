"""Replay each scenario with several seeds against each policy, on all cores."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from benchmarks.fraud.generator import generate
from benchmarks.fraud.policies import POLICIES
from benchmarks.fraud.scenario import Scenario
from benchmarks.fraud.scoring import Score, score


@dataclass(frozen=True)
class Outcomes:
    """What one policy did in one scenario: a score for each seed."""

    scores: tuple[Score, ...]

    @property
    def lost(self) -> float:
        """EUR, over all seeds."""
        return sum(one.lost for one in self.scores)

    @property
    def undefended(self) -> float:
        """EUR, over all seeds."""
        return sum(one.undefended for one in self.scores)

    @property
    def harm(self) -> float:
        """EUR, over all seeds."""
        return sum(one.harm for one in self.scores)

    @property
    def people(self) -> int:
        """Honest sends, over all seeds."""
        return sum(one.people for one in self.scores)

    @property
    def refused(self) -> int:
        """Honest sends refused that could be told apart."""
        return sum(one.refused for one in self.scores)

    @property
    def inseparable(self) -> int:
        """Honest sends refused where the attack outnumbered them."""
        return sum(one.inseparable for one in self.scores)

    @property
    def harm_share(self) -> float:
        """Harm as a share of what the attack costs undefended."""
        return self.harm / self.undefended

    @property
    def harm_shares(self) -> list[float]:
        """The same for each seed."""
        return [one.harm / one.undefended for one in self.scores]


@dataclass(frozen=True)
class Result:
    """One scenario under every policy, by the policy's name."""

    scenario: Scenario
    by_policy: Mapping[str, Outcomes]


def compare(scenarios: Sequence[Scenario], seeds: Sequence[int], policies: Sequence[str]) -> Iterator[Result]:
    """Yield a scenario's result as soon as all its seeds are done."""
    with ProcessPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        runs = {
            (scenario.name, seed): pool.submit(_run, scenario.name, seed, tuple(policies))
            for scenario in scenarios
            for seed in seeds
        }
        for scenario in scenarios:
            scores = [runs[scenario.name, seed].result() for seed in seeds]
            yield Result(scenario, {name: Outcomes(tuple(one[name] for one in scores)) for name in policies})


def _run(name: str, seed: int, policies: tuple[str, ...]) -> dict[str, Score]:
    events = generate(name, seed)
    return {policy: score(events, POLICIES[policy]()) for policy in policies}
