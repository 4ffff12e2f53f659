"""Opens the session that every way to sign in leads to, and notifies the person of a new device.

A device is known if one of the account's sessions that are kept (live, or ended at most 30 days ago) has the same
network (/24 of IPv4, /48 of IPv6) and the same kind of program (browser and system, without versions).
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from otp_service import audit, sessions
from otp_service.accounts import known_clients, notices, users
from otp_service.audit import AuditSettings
from otp_service.core import user_agents
from otp_service.core.services import settings
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions import Caller, Device, Tokens

_PREFIXES = {4: 24, 6: 48}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(Tokens):
    """The tokens of a sign-in, and the one that makes this device known from now on (see `known_clients`)."""

    known_device_token: str


def open_session(caller: Caller, *, client: ClientInfo, facts: Mapping[str, Any] | None = None) -> Opened:
    """Start a session in the open transaction; notify the person if the device is unknown.

    `facts` are those of the factor, for the audit event. Raises UserNotFound.
    """
    user_id, now = caller.user_id, caller.authenticated_at
    # Before the start: the new session would make its own device known.
    devices, number_open = sessions.devices_of(user_id, now=now)
    _notify_if_new(user_id, devices, client, now)
    most = settings().tokens.max_sessions
    if number_open >= most:
        sessions.end_oldest(user_id, keep=most - 1, client=client, now=now)
    tokens = sessions.start(caller, client=client, facts=facts)
    return Opened(**asdict(tokens), known_device_token=known_clients.issue(user_id, now=now))


def refresh(refresh_token: str, *, client: ClientInfo) -> Tokens:
    """Exchange a refresh token for new tokens. Raises InvalidToken, TokenReused, TooMany."""
    return sessions.rotate(refresh_token, is_verified=users.IS_VERIFIED, client=client)


def _notify_if_new(user_id: int, devices: list[Device], client: ClientInfo, now: datetime) -> None:
    """Send `new_sign_in` for an unknown device, except at the account's very first sign-in."""
    known = set(map(_kind, devices))
    if _kind(Device(client.ip, client.agent)) in known:
        return
    # Old sessions are deleted, so an account without any may still have signed in before: its events show that, and
    # its age, once events of that time are deleted too.
    if known or audit.has_happened("session.started", user_id=user_id) or _outlives_its_events(user_id, now):
        notices.notify(user_id, "new_sign_in", now=now, client=client)


def _outlives_its_events(user_id: int, now: datetime) -> bool:
    return users.get(user_id).created_at < now - settings().of(AuditSettings).kept_for


def _kind(device: Device) -> tuple[str, str]:
    return network_of_device(device.ip), program_of(device.agent)


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
