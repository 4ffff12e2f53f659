"""How many cores this process may use: in a container or under `taskset`, fewer than the machine has."""

import math
import os
from contextlib import suppress
from pathlib import Path

ROOT = Path("/")


def available(root: Path = ROOT) -> int:
    """Return the least of the machine's cores, the affinity, and the limits of all control groups; at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # Rounded up: with 1.5 cores, a second process uses the half.
    return max(1, min([allowed, *map(math.ceil, _quotas(root))]))


def _quotas(root: Path) -> list[float]:
    """Return the limits that hold, in cores: those of this process's groups and of the groups around them."""
    found = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            found += [_quota_v2(folder) for folder in _folders(root / "sys/fs/cgroup", path)]
        elif "cpu" in controllers.split(","):
            for mount in (controllers, "cpu"):
                found += [_quota_v1(folder) for folder in _folders(root / "sys/fs/cgroup" / mount, path)]
    return [quota for quota in found if quota is not None]


def _folders(mount: Path, path: str) -> list[Path]:
    """Return the folders of a group and of those around it. In a container, the mount may be the group itself."""
    parts = [part for part in path.split("/") if part not in {"", ".", ".."}]
    return [mount.joinpath(*parts[:count]) for count in range(len(parts) + 1)]


def _quota_v2(folder: Path) -> float | None:
    quota, _, period = _read(folder / "cpu.max").partition(" ")
    return _ratio(quota, period)


def _quota_v1(folder: Path) -> float | None:
    return _ratio(_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us"))


def _ratio(quota: str, period: str) -> float | None:
    """Return the cores of a quota; None for none (`max`, or -1)."""
    is_limited = quota.strip().isdecimal() and period.strip().isdecimal() and int(period) > 0 and int(quota) > 0
    return int(quota) / int(period) if is_limited else None


def _read(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="ascii")
    return ""
