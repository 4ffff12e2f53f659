"""Client addresses: homes, phones behind a carrier's NAT, and the proxies that attackers rent."""

import random
from collections.abc import Callable

Addresses = Callable[[], str]


def of_people(rng: random.Random) -> Addresses:
    """Draw addresses as a country's people have them: a third shares a carrier's few, one in seven has IPv6."""
    providers = [_ipv4(rng, parts=2) for _ in range(8)]
    carrier = _ipv4(rng, parts=2)
    shared = [f"{carrier}.{rng.randrange(4)}.{rng.randrange(256)}" for _ in range(200)]
    block = f"2a{rng.randrange(256):02x}:{rng.randrange(65536):x}"

    def draw() -> str:
        kind = rng.random()
        if kind < 0.33:
            return rng.choice(shared)
        if kind < 0.47:
            return _ipv6(rng, block)
        return f"{rng.choice(providers)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"

    return draw


def one_of(count: int, rng: random.Random) -> Addresses:
    """Draw from `count` rented proxies all over the world."""
    proxies = [_ipv4(rng, parts=4) for _ in range(count)]
    return lambda: rng.choice(proxies)


def another_each_time(rng: random.Random) -> Addresses:
    """Draw an address that is nearly surely new."""
    return lambda: _ipv4(rng, parts=4)


def one_network(rng: random.Random) -> Addresses:
    """Draw from a single /24, as a rented server has it."""
    network = _ipv4(rng, parts=3)
    return lambda: f"{network}.{rng.randrange(1, 255)}"


def one_network_of_ipv6(rng: random.Random) -> Addresses:
    """Draw from a single /48, where each request has a /64 of its own."""
    block = f"2a{rng.randrange(256):02x}:{rng.randrange(65536):x}:{rng.randrange(65536):x}"
    return lambda: f"{block}:{rng.randrange(65536):x}::{rng.randrange(1, 65536):x}"


def single(rng: random.Random) -> Addresses:
    """Return the same address always: an office, a campus."""
    address = _ipv4(rng, parts=4)
    return lambda: address


def _ipv4(rng: random.Random, *, parts: int) -> str:
    """Draw the first `parts` bytes of a public address; ranges that are not routed are left out."""
    first = rng.choice([n for n in range(11, 224) if n not in {100, 127, 169, 172, 192, 198, 203}])
    return ".".join(map(str, [first, *(rng.randrange(1, 255) for _ in range(parts - 1))]))


def _ipv6(rng: random.Random, block: str) -> str:
    return f"{block}:{rng.randrange(65536):x}:{rng.randrange(256):x}::{rng.randrange(1, 65536):x}"
