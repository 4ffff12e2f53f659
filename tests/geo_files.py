"""Writes small MMDB files, by the format's specification (version 2.0), as operators get them from a vendor."""

import ipaddress
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_MARKER = b"\xab\xcd\xefMaxMind.com"
_RECORD_BITS, _GAP, _IPV4_DEPTH = 32, 16, 96

Node = list[Any]


def city(country: str, latitude: float, longitude: float, radius: int = 50) -> dict[str, Any]:
    """A record of a file of cities, in MaxMind's form."""
    place = {"latitude": latitude, "longitude": longitude, "accuracy_radius": radius}
    return {"country": {"iso_code": country}, "location": place}


def write_geo_file(path: Path, records: Mapping[str, Any], kind: str = "Test-City") -> Path:
    """Write a file with a record for each network."""
    root: Node = [None, None]
    data, offsets = b"", {}
    for network, record in records.items():
        offsets[network] = len(data)
        data += _encoded(record)
        _insert(root, ipaddress.ip_network(network), network)
    nodes = _numbered(root)
    tree = b"".join(struct.pack(">II", *(_pointer(side, nodes, offsets) for side in node)) for node in nodes.values())
    about = {
        "node_count": len(nodes), "record_size": _RECORD_BITS, "ip_version": 6, "database_type": kind,
        "languages": ["en"], "binary_format_major_version": 2, "binary_format_minor_version": 0,
        "build_epoch": 1_700_000_000, "description": {"en": "A file for tests"},
    }  # fmt: skip
    path.write_bytes(tree + bytes(_GAP) + data + _MARKER + _encoded(about))
    return path


def _insert(root: Node, network: ipaddress.IPv4Network | ipaddress.IPv6Network, name: str) -> None:
    depth = network.prefixlen + (_IPV4_DEPTH if network.version == 4 else 0)
    bits = f"{int(network.network_address):0128b}"[:depth]
    node = root
    for bit in bits[:-1]:
        node[int(bit)] = node[int(bit)] or [None, None]
        node = node[int(bit)]
    node[int(bits[-1])] = name


def _numbered(root: Node) -> dict[int, Node]:
    """All nodes in the order of their numbers, by identity."""
    found, waiting = {}, [root]
    while waiting:
        node = waiting.pop()
        found[id(node)] = node
        waiting += [side for side in node if isinstance(side, list)]
    return found


def _pointer(side: Any, nodes: dict[int, Node], offsets: dict[str, int]) -> int:
    if isinstance(side, list):
        return list(nodes).index(id(side))
    return len(nodes) if side is None else len(nodes) + _GAP + offsets[side]


def _encoded(value: Any) -> bytes:
    if isinstance(value, bool):
        return _control(14, int(value))
    if isinstance(value, str):
        text = value.encode()
        return _control(2, len(text)) + text
    if isinstance(value, float):
        return _control(3, 8) + struct.pack(">d", value)
    if isinstance(value, int):
        return _control(6, 4) + struct.pack(">I", value)
    if isinstance(value, list):
        return _control(11, len(value)) + b"".join(map(_encoded, value))
    return _control(7, len(value)) + b"".join(_encoded(part) for pair in value.items() for part in pair)


def _control(kind: int, size: int) -> bytes:
    """The byte before a value; kinds above 7 have a second one."""
    assert size < 29, "longer values have sizes of their own"
    return bytes([kind << 5 | size]) if kind < 8 else bytes([size, kind - 7])
