"""What the guard promises, as pure functions: times come in, and no database is there."""

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from otp_service import fraud
from otp_service.fraud import Action, Attempt, Decision, Depth, Node, Reason, keys_of
from otp_service.fraud.policies import End, Guard, Outcome

START = 1_767_225_600.0
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
RANGE, OTHER_RANGE = "+9967555", "+99477812"


@dataclass
class Traffic:
    """A guard, and what becomes of the attempts that it sees; outcomes reach it in time order."""

    guard: Guard = field(default_factory=Guard)
    now: float = START
    asked: int = 0
    due: list[tuple[float, int, Outcome]] = field(default_factory=list)

    def ask(self, prefix: str, *, verified_after: float | None = None, price: float = 0.1, ip: str = "") -> Decision:
        """Ask for a code now for the next number of a prefix, by default from an address of its own."""
        self._settle()
        self.asked += 1
        number = f"{prefix}{self.asked * 7_919 % 10 ** (12 - len(prefix)):0{12 - len(prefix)}}"
        ip = ip or f"10.{self.asked // 256 % 256}.{self.asked % 256}.1"
        attempt = Attempt(at=self.now, number=number, ip=ip, channel="sms", price=price)
        decision = self.guard.decide(attempt)
        if decision.is_allowed:
            end = End.EXPIRED if verified_after is None else End.VERIFIED
            at = self.now + (fraud.EXPIRES_AFTER if verified_after is None else verified_after)
            heapq.heappush(self.due, (at, self.asked, Outcome(at, end, attempt, decision)))
        return decision

    def repeat(
        self, prefix: str, count: int, *, every: float, converts: float = 0.0, price: float = 0.1
    ) -> list[Decision]:
        """Ask `count` times; people type `converts` of the codes 20 seconds later."""
        decisions = []
        for n in range(count):
            is_verified = int((n + 1) * converts) > int(n * converts)
            decisions.append(self.ask(prefix, verified_after=20.0 if is_verified else None, price=price))
            self.now += every
        return decisions

    def _settle(self) -> None:
        while self.due and self.due[0][0] <= self.now:
            self.guard.learn(heapq.heappop(self.due)[2])


def allowed(decisions: Iterable[Decision]) -> int:
    return sum(decision.is_allowed for decision in decisions)


def a_service_with_history() -> Traffic:
    """Return traffic after a day: 30 people an hour in one range, who verify four codes of five."""
    traffic = Traffic()
    traffic.repeat(OTHER_RANGE, 24 * 30, every=120, converts=0.8)
    return traffic


def test_a_burst_is_cut_before_any_code_has_expired() -> None:
    decisions = Traffic().repeat(RANGE, 400, every=0.2)

    assert allowed(decisions) < 40  # 80 seconds are over, and codes live for 300
    assert decisions[-1].action is Action.DENY
    assert decisions[-1].reason is Reason.PREFIX_NOT_VERIFYING


def test_the_same_burst_passes_if_people_type_their_codes() -> None:
    assert allowed(Traffic().repeat(RANGE, 300, every=2, converts=0.8)) == 300


def test_dear_messages_are_cut_sooner_than_cheap_ones() -> None:
    dear, cheap = (allowed(Traffic().repeat(RANGE, 100, every=60, price=price)) for price in (0.3, 0.01))

    assert dear < cheap < 30


def test_people_of_a_country_that_verifies_45_percent_are_not_refused() -> None:
    assert allowed(Traffic().repeat(RANGE, 600, every=60, converts=0.45)) == 600


def test_an_attacker_who_verifies_20_percent_is_cut() -> None:
    assert allowed(Traffic().repeat(RANGE, 600, every=10, converts=0.2)) < 80


def test_an_outage_of_an_hour_refuses_nobody_where_traffic_is_as_always() -> None:
    traffic = a_service_with_history()

    outage = traffic.repeat(OTHER_RANGE, 30, every=120)
    after = traffic.repeat(OTHER_RANGE, 30, every=120, converts=0.8)

    assert allowed(outage) + allowed(after) == 60


def test_a_cheap_attack_as_large_as_the_honest_traffic_around_it_passes() -> None:
    traffic = a_service_with_history()

    decisions = traffic.repeat(OTHER_RANGE, 60, every=60, converts=0.4, price=0.02)

    assert allowed(decisions) == 60  # refusing would cost more people than money


def test_a_large_attack_on_a_range_with_history_is_cut() -> None:
    traffic = a_service_with_history()

    decisions = traffic.repeat(OTHER_RANGE, 1_200, every=1, price=0.2)

    assert allowed(decisions) < 150


def test_an_attack_that_uses_each_country_once_is_cut_and_known_countries_stay_open() -> None:
    traffic = a_service_with_history()
    prefixes = [f"+{code}7{n}" for n in range(4) for code in (223, 226, 227, 228, 229, 233, 235, 237, 241, 243, 256)]

    attack = [traffic.repeat(prefix, 1, every=5)[0] for prefix in prefixes * 3]

    assert allowed(attack) < 60
    assert attack[-1].reason is Reason.NEW_PREFIXES_NOT_VERIFYING
    assert traffic.ask(OTHER_RANGE).is_allowed


def test_an_address_whose_codes_are_never_typed_is_cut_wherever_it_sends() -> None:
    traffic = a_service_with_history()

    decisions = []
    for n in range(60):
        decisions.append(traffic.ask(f"+9947781{n % 10}", ip="203.0.113.7"))
        traffic.now += 30

    assert allowed(decisions) < 25
    assert decisions[-1].reason is Reason.CLIENT_NOT_VERIFYING
    assert traffic.ask(OTHER_RANGE, ip="198.51.100.1").is_allowed


def test_verified_probes_unlearn_a_block() -> None:
    traffic = Traffic()
    traffic.repeat(RANGE, 60, every=1)

    honest = traffic.repeat(RANGE, 240, every=60, converts=1.0)

    assert not honest[1].is_allowed
    assert Reason.PROBE in {decision.reason for decision in honest}
    assert allowed(honest[120:]) == 120


def test_failed_probes_come_ever_more_seldom() -> None:
    traffic = Traffic()
    traffic.repeat(RANGE, 60, every=1)

    probed = [n for n, decision in enumerate(traffic.repeat(RANGE, 1_440, every=60)) if decision.is_allowed]

    gaps = [later - earlier for earlier, later in itertools.pairwise(probed)]
    assert gaps == sorted(gaps)
    assert len(probed) < 10


def test_a_block_ends_by_itself_after_hours_without_traffic() -> None:
    traffic = Traffic()
    last = traffic.repeat(RANGE, 60, every=1)[-1]
    assert last.ends_at is not None

    traffic.now = last.ends_at
    later = traffic.repeat(RANGE, 20, every=60, converts=0.8)

    assert last.ends_at - START < 8 * HOUR
    assert allowed(later) == 20


def test_a_decision_names_what_decided() -> None:
    decision = Traffic().repeat(RANGE, 60, every=1)[-1]

    assert f"range:{RANGE}" in decision.refusing
    assert decision.evidence is not None
    assert decision.evidence.odds > decision.evidence.bound
    assert decision.evidence.failed + decision.evidence.pending > 5


def test_the_text_of_a_node_brings_back_the_same_node() -> None:
    traffic = a_service_with_history()
    traffic.repeat(RANGE, 60, every=1)

    for node in traffic.guard.nodes.values():
        assert Node.from_text(node.to_text()).to_text() == node.to_text()
        assert len(node.to_text()) < 400


def test_nodes_that_went_through_text_decide_the_same() -> None:
    plain, stored = Traffic(), Traffic()
    decided: list[list[Action]] = [[], []]
    for _ in range(80):
        stored.guard.nodes = {key: Node.from_text(node.to_text()) for key, node in stored.guard.nodes.items()}
        for traffic, actions in zip((plain, stored), decided, strict=True):
            actions.append(traffic.repeat(RANGE, 1, every=2, converts=0.1)[0].action)

    assert decided[0] == decided[1]
    assert Action.ALLOW in decided[0]
    assert Action.DENY in decided[0]


@pytest.mark.parametrize("text", ["", "1;2", "a;b;c", "1;2;3;4;5;6;7;8;9;10;11;12;1:x"])
def test_a_text_that_is_no_node_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Node.from_text(text)


def test_a_node_without_traffic_fades_in_weeks() -> None:
    traffic = Traffic()
    traffic.repeat(RANGE, 5, every=60, converts=1.0)
    node = traffic.guard.nodes[f"range:{RANGE}"]

    assert not node.is_faded(traffic.now + DAY)
    assert node.is_faded(traffic.now + 60 * DAY)


def test_a_message_that_never_left_counts_for_nothing() -> None:
    nodes: dict[str, Node] = {}
    attempt = Attempt(START, "+996755512345", "192.0.2.1", "sms", 0.1)
    send = fraud.send_of(attempt, fraud.decide(attempt, nodes))

    fraud.fold_sent(send, nodes)
    fraud.fold_withdrawn(send, START + 1, nodes)

    assert {(node.recent_failed, len(node.pending)) for node in nodes.values()} == {(0.0, 0)}


def test_a_code_typed_late_takes_its_failure_back() -> None:
    nodes: dict[str, Node] = {}
    attempt = Attempt(START, "+996755512345", "192.0.2.1", "sms", 0.1)
    send = fraud.send_of(attempt, fraud.decide(attempt, nodes))

    fraud.fold_sent(send, nodes)
    fraud.fold_verified(send, START + 250, nodes)

    assert {round(node.lasting_failed, 6) for node in nodes.values()} == {0}
    assert {round(node.lasting_verified, 6) for node in nodes.values()} == {1}


@pytest.mark.parametrize(
    ("number", "depths"),
    [
        ("+4915112345678", [Depth.THOUSAND, Depth.TEN_THOUSAND, Depth.RANGE]),
        ("+37251234567", [Depth.THOUSAND, Depth.RANGE]),
        ("+2908123", [Depth.RANGE]),
    ],
)
def test_a_block_that_is_no_narrower_than_its_range_has_no_node(number: str, depths: list[Depth]) -> None:
    keys = keys_of(Attempt(START, number, "2001:db8::1", "sms", 0.1))

    of_number = [Depth.OPERATOR, Depth.COUNTRY, Depth.NEW_IN_COUNTRY, Depth.NEW]
    assert [fraud.depth_of(key) for key in keys] == [*depths, *of_number, Depth.ADDRESS, Depth.NETWORK, Depth.SERVICE]
    assert keys[-3:-1] == ("address:2001:db8::/64", "network:2001:db8::/56")
