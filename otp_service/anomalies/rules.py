"""The rules: each compares a sign-in with the account's earlier ones, and explains what it found (ADR 51)."""

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from otp_service.anomalies.places import distance_km
from otp_service.anomalies.settings import (
    IMPOSSIBLE_TRAVEL,
    MANY_ACCOUNTS,
    NEW_COUNTRY,
    UNKNOWN_DEVICE,
    Action,
    AnomalySettings,
)
from otp_service.core import user_agents
from otp_service.core.addresses import site_of
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions import Device

LEAST_KM = 500
"""Shorter ways are within what files of places get wrong, and what an exit of a mobile network or a VPN jumps."""

MOST_COUNTRIES = 10
"""Countries that an event names."""

_PREFIXES = {4: 24, 6: 48}
_SECONDS_AN_HOUR = 3_600


@dataclass(frozen=True, slots=True)
class Others:
    """How many other accounts' passwords were right within a day, from the same device and from the same address."""

    by_device: int = 0
    by_address: int = 0


NO_OTHERS = Others()


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What the rules compare: the client and the time of a sign-in, and the account's earlier sign-ins.

    `has_history` is True as well where their sessions are deleted by now.
    """

    client: ClientInfo
    at: datetime
    devices: Sequence[Device]
    others: Others
    has_history: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that applies, its action, and what was compared."""

    rule: str
    action: Action
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """All findings of a sign-in."""

    findings: tuple[Finding, ...] = ()

    @property
    def action(self) -> Action:
        """The strictest of the actions."""
        return max((finding.action for finding in self.findings), default=Action.OFF)

    @property
    def is_strict(self) -> bool:
        """Whether only the strongest factor signs in."""
        return self.action >= Action.REQUIRE_STRONGEST_FACTOR


ALLOWED = Verdict()


def find(compared: Compared, settings: AnomalySettings) -> tuple[Finding, ...]:
    """Return what is unusual about a sign-in from a device that the account does not know."""
    found = ((rule, look(compared, settings)) for rule, look in _RULES.items() if settings.is_on(rule))
    return tuple(Finding(rule, settings.actions[rule], facts) for rule, facts in found if facts is not None)


def is_known(client: ClientInfo, devices: Iterable[Device]) -> bool:
    """Whether one of the stored sessions has the same network and the same kind of program."""
    return _kind(client.ip, client.agent) in {_kind(device.ip, device.agent) for device in devices}


def _unknown_device(compared: Compared, settings: AnomalySettings) -> dict[str, Any] | None:  # noqa: ARG001
    # At the first sign-in every device is new, the owner's as well.
    return {"comparedDevices": len(compared.devices)} if compared.has_history else None


def _new_country(compared: Compared, settings: AnomalySettings) -> dict[str, Any] | None:
    geo = settings.geo
    here = geo.find(compared.client.ip) if geo else None
    if geo is None or here is None or _is_place_known(compared):
        return None
    places = map(geo.find, {address for device in compared.devices for address in (device.network, device.ip)})
    earlier = {place.country for place in places if place is not None}
    # Without a known place to compare with, no country is new.
    if not earlier or here.country in earlier:
        return None
    return {"country": here.country, "earlierCountries": sorted(earlier)[:MOST_COUNTRIES]}


def _impossible_travel(compared: Compared, settings: AnomalySettings) -> dict[str, Any] | None:
    """Compare with the latest sign-in. To come back to a network is no journey: a VPN, an office."""
    if settings.geo is None or not compared.devices or _is_place_known(compared):
        return None
    latest = max(compared.devices, key=lambda device: device.started_at)
    here, there = settings.geo.find(compared.client.ip), settings.geo.find(latest.network)
    way = distance_km(here, there) if here and there else None
    hours = max((compared.at - latest.started_at).total_seconds(), 0) / _SECONDS_AN_HOUR
    if here is None or there is None or way is None or way < LEAST_KM or way <= settings.speed * hours:
        return None
    countries = {"country": here.country, "earlierCountry": there.country}
    return {**countries, "kilometers": round(way), "hours": round(hours, 2), "fastest": settings.speed}


def _many_accounts(compared: Compared, settings: AnomalySettings) -> dict[str, Any] | None:
    by_device, by_address = compared.others.by_device + 1, compared.others.by_address + 1
    is_many = by_device > settings.per_device or by_address > settings.per_address
    # Made-up accounts have no history, and are what a strict rule is for; their owners need no notice.
    if not is_many or not (compared.has_history or settings.is_strict(MANY_ACCOUNTS)):
        return None
    most = {"mostByDevice": settings.per_device, "mostByAddress": settings.per_address}
    return {"accountsByDevice": by_device, "accountsByAddress": by_address, **most}


_RULES: dict[str, Callable[[Compared, AnomalySettings], dict[str, Any] | None]] = {
    UNKNOWN_DEVICE: _unknown_device,
    NEW_COUNTRY: _new_country,
    IMPOSSIBLE_TRAVEL: _impossible_travel,
    MANY_ACCOUNTS: _many_accounts,
}


def _is_place_known(compared: Compared) -> bool:
    site = site_of(compared.client.ip)
    return any(site in {device.network, site_of(device.ip)} for device in compared.devices)


def _kind(ip: str, agent: str) -> tuple[str, str]:
    return network_of_device(ip), program_of(agent)


def network_of_device(ip: str) -> str:
    """Return the network that a connection keeps while its address changes."""
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return ip
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(ipaddress.ip_network((str(address), _PREFIXES[address.version]), strict=False))


def program_of(agent: str) -> str:
    """Return browser and system of a `User-Agent` without versions; for other programs, its first name."""
    own_name = re.split(r"[/\s]", agent.strip(), maxsplit=1)[0]
    return f"{user_agents.browser_of(agent) or own_name} {user_agents.system_of(agent) or ''}"
