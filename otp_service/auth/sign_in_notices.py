"""Tells people of a sign-in from a device that their account does not know.

A device is known when one of the sessions that are kept (live, or over for no more than 30 days) has its network and
its kind of program: of IPv4 the /24, of IPv6 the /48, and the browser and system without their versions.
"""

import ipaddress
import re
from datetime import datetime

from otp_service import audit, sessions
from otp_service.accounts import notices
from otp_service.core.web.tracing import ClientInfo
from otp_service.sessions import Device

_BROWSERS = ("Edg", "OPR", "SamsungBrowser", "Firefox", "FxiOS", "CriOS", "Chrome", "Safari")
"""The names that browsers go by. Most give the names of others, too: the first of these that is there is the one."""

_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Macintosh", "CrOS", "Linux")
_PREFIXES = {4: 24, 6: 48}


def tell_if_new(user_id: int, *, client: ClientInfo, now: datetime) -> None:
    """Post `new_sign_in` if the device is unknown; call it in the sign-in's transaction, before the session starts.

    The account's very first sign-in is not told.
    """
    known = {_kind(device) for device in sessions.devices_of(user_id)}
    if _kind(Device(client.ip, client.agent)) in known:
        return
    if known or audit.has_happened("session.started", user_id=user_id):
        notices.notify(user_id, "new_sign_in", now=now, client=client)


def _kind(device: Device) -> tuple[str, str]:
    return network_of(device.ip), family_of(device.agent)


def network_of(ip: str) -> str:
    """The network that a connection keeps while its address changes."""
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return ip
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(ipaddress.ip_network((str(address), _PREFIXES[address.version]), strict=False))


def family_of(agent: str) -> str:
    """Browser and system of a `User-Agent`, without versions; of other programs the name that it begins with."""
    own_name = re.split(r"[/\s]", agent.strip(), maxsplit=1)[0]
    browser = next((name for name in _BROWSERS if re.search(rf"\b{name}\w*/", agent)), own_name)
    system = next((name for name in _SYSTEMS if name in agent), "")
    return f"{browser} {system}"
