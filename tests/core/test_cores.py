"""How many cores a process may use."""

import os
from pathlib import Path

import pytest

from otp_service.core import cores


def write(root: Path, **files: str) -> Path:
    """A file system with these files; `__` stands for a slash."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def machine() -> int:
    return len(os.sched_getaffinity(0))


def test_without_limits_it_is_what_the_affinity_allows(tmp_path: Path) -> None:
    assert cores.available(tmp_path) == machine()


def test_the_affinity_of_the_process_holds(tmp_path: Path) -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert cores.available(tmp_path) == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("100000 100000", 1), ("50000 100000", 1), ("150000 100000", 2), ("max 100000", None), ("", None), ("x y", None)],
)
def test_the_quota_of_a_container_holds(tmp_path: Path, quota: str, expected: int | None) -> None:
    root = write(tmp_path, proc__self__cgroup="0::/\n", **{"sys__fs__cgroup__cpu.max": f"{quota}\n"})

    assert cores.available(root) == min(expected or machine(), machine())


def test_the_quota_of_a_group_around_it_holds(tmp_path: Path) -> None:
    files = {
        "sys__fs__cgroup__system.slice__otp.service__cpu.max": "max 100000\n",
        "sys__fs__cgroup__system.slice__cpu.max": "100000 100000\n",
    }
    root = write(tmp_path, proc__self__cgroup="0::/system.slice/otp.service\n", **files)

    assert cores.available(root) == 1


@pytest.mark.parametrize(("quota", "expected"), [("100000", 1), ("-1", None)])
@pytest.mark.parametrize("folder", ["cpu,cpuacct", "cpu"])
@pytest.mark.parametrize("path", ["", "docker__1a2b__"])
def test_the_quota_of_the_older_kind_of_group_holds(
    tmp_path: Path, quota: str, expected: int | None, folder: str, path: str
) -> None:
    group = f"sys__fs__cgroup__{folder}__{path}"
    files = {f"{group}cpu.cfs_quota_us": f"{quota}\n", f"{group}cpu.cfs_period_us": "100000\n"}
    root = write(tmp_path, proc__self__cgroup="4:memory:/x\n3:cpu,cpuacct:/docker/1a2b\n", **files)

    assert cores.available(root) == (expected or machine())
