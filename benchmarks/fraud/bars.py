"""What the guard must reach, line by line, and whether it does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.fraud.comparison import Outcomes, Result
from benchmarks.fraud.policies import OTHERS, OURS, TO_BEAT

HARM, OF_BEST_OTHER, NO_WORSE, LOST, OF_THE_TEST = 0.10, 0.25, 1.05, 0.05, 0.8
REFUSED, REFUSED_IN_ONE = 0.001, 0.02


@dataclass(frozen=True)
class Bar:
    """One line: what it demands, what came out, and the scenarios that miss it."""

    demand: str
    measured: str
    is_met: bool
    missing: tuple[str, ...] = ()


def judge(results: Sequence[Result]) -> list[Bar]:
    """Judge the guard by the sums over all seeds."""
    attacks = [result for result in results if result.scenario.is_attack]
    distinct = [result for result in attacks if not result.scenario.is_spread]
    bars = []
    if distinct:
        bars += [
            _worst("harm of each attack, of its undefended spend", distinct, _harm_share, HARM),
            _worst("harm of each attack, of the best other policy's", distinct, _of_best_other, OF_BEST_OTHER),
        ]
    if attacks:
        ours = total(attacks, OURS)
        bars += [
            _worst("harm of any attack, also one that is spread like people", attacks, _harm_share, NO_WORSE),
            _total("money lost in all attacks together", ours.lost / ours.undefended, LOST),
            _total("harm of all scenarios together, of the sequential test's", _of_the_test(results), OF_THE_TEST),
        ]
    everyone = total(results, OURS)
    return [
        *bars,
        _total("honest people refused who can be told apart", everyone.refused / everyone.people, REFUSED),
        _worst("the same in any scenario", results, _refused_share, REFUSED_IN_ONE),
    ]


def best_other(result: Result) -> str:
    """Return the name of the other policy with the least harm."""
    return min(OTHERS, key=lambda name: result.by_policy[name].harm)


def total(results: Sequence[Result], policy: str) -> Outcomes:
    """Put the scores of all scenarios together."""
    return Outcomes(tuple(one for result in results for one in result.by_policy[policy].scores))


def _harm_share(result: Result) -> float:
    return result.by_policy[OURS].harm_share


def _of_best_other(result: Result) -> float:
    return result.by_policy[OURS].harm / result.by_policy[best_other(result)].harm


def _of_the_test(results: Sequence[Result]) -> float:
    return total(results, OURS).harm / total(results, TO_BEAT).harm


def _refused_share(result: Result) -> float:
    ours = result.by_policy[OURS]
    return ours.refused / ours.people


def _total(demand: str, value: float, most: float) -> Bar:
    return Bar(f"{demand}: at most {percent(most)}", percent(value), value <= most)


def _worst(demand: str, results: Sequence[Result], measure: Callable[[Result], float], most: float) -> Bar:
    values = {result.scenario.name: measure(result) for result in results}
    worst = max(values, key=lambda name: values[name])
    missing = tuple(f"{name} {percent(value)}" for name, value in values.items() if value > most)
    return Bar(f"{demand}: at most {percent(most)}", f"{percent(values[worst])} ({worst})", not missing, missing)


def percent(share: float) -> str:
    """Return `share` in percent with two significant digits."""
    value = 100 * share
    return f"{value:.0f} %" if value >= 10 or value == 0 else f"{value:.1f} %" if value >= 1 else f"{value:.2g} %"
