"""How many cores' worth of time a container may use, from control groups of either version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pytest_modelbench.host.files import file_text, parse_count


def quota_cores(root: Path) -> float | None:
    """The tightest limit on this process, its groups' parents included; None without one.

    `Control Group v2 <https://docs.kernel.org/admin-guide/cgroup-v2.html>`_: ``cpu.max`` holds microseconds allowed in
    a period and the period, or ``max``. Version 1 has a file for each, and -1.
    """
    mount = root / "sys/fs/cgroup"
    limits = []
    for line in file_text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            limits += [_limit(*file_text(folder / "cpu.max").split()[:2]) for folder in _upwards(mount, path)]
        elif "cpu" in controllers.split(","):
            for folder in _upwards(mount / "cpu", path):
                limits.append(_limit(file_text(folder / "cpu.cfs_quota_us"), file_text(folder / "cpu.cfs_period_us")))
    return min((limit for limit in limits if limit is not None), default=None)


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    """The group's folder and those above it: in a container the group itself may be what is mounted."""
    group = PurePosixPath(path.lstrip("/"))
    for part in (group, *group.parents):
        # What begins with ".." is outside of what this container may see.
        if ".." not in part.parts:
            yield mount / part


def _limit(quota: str = "", period: str = "") -> float | None:
    allowed, of = parse_count(quota), parse_count(period)
    return allowed / of if allowed is not None and of else None
