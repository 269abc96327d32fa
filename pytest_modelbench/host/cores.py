"""Which cores the operating system lets this process use, and which of them are one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pytest_modelbench.host.cpufreq import SYSTEM_CPUS
from pytest_modelbench.host.files import file_text
from pytest_modelbench.host.proc import PROC, parse_busy

PCI_DEVICES = Path("/sys/bus/pci/devices")
#: The kernel counts in ticks of 10 ms: this tells 5 %.
_LOOK_S = 0.2
#: What a core has to be less busy by for another one to be left: a share of the time.
_QUIETER = 0.1
#: How the kernel writes sizes of caches.
_SHIFTS = {"K": 10, "M": 20, "G": 30}


def allowed_cores() -> tuple[int, ...]:
    """The cores this process may run on, in order; empty where the system does not tell."""
    return tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()


def core_count() -> int:
    """How many cores this process may run on: all of the machine's where the system does not tell, at least 1."""
    return len(allowed_cores()) or os.cpu_count() or 1


def smt_groups(cores: Sequence[int], cpus: Path = SYSTEM_CPUS) -> tuple[tuple[int, ...], ...] | None:
    """Groups of two and more of ``cores`` that are threads of one physical core; None if the system does not tell."""
    lists = {file_text(cpus / f"cpu{core}/topology/thread_siblings_list") for core in cores} - {""}
    groups = {tuple(core for core in parse_cpu_list(text) if core in cores) for text in lists}
    return tuple(sorted(group for group in groups if len(group) > 1)) if lists else None


def largest_cache_bytes(cpus: Path = SYSTEM_CPUS) -> int | None:
    """Bytes of the largest cache of the first core, which it may share with others; None where it is not told."""
    sizes = [file_text(path).strip() for path in cpus.glob("cpu0/cache/index*/size")]
    known = [int(size[:-1]) << _SHIFTS[size[-1]] for size in sizes if size[:-1].isdecimal() and size[-1] in _SHIFTS]
    return max(known, default=None)


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """The numbers in ``0-1,64``."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


def cores_near(bus_id: str, devices: Path = PCI_DEVICES) -> tuple[int, ...] | None:
    """Cores of this process on the NUMA node of the PCI device ``0000:17:00.0``; None if the system does not tell."""
    text = file_text(devices / bus_id / "local_cpulist") if bus_id else ""
    return tuple(core for core in allowed_cores() if core in set(parse_cpu_list(text))) if text else None


def quietest_cores(
    count: int,
    proc: Path = PROC,
    cpus: Path = SYSTEM_CPUS,
    pause: Callable[[float], object] = time.sleep,
) -> tuple[int, ...]:
    """The ``count`` cores of this process that others use least at this moment; as it waits, it uses none.

    The highest where there is no choice, or none that matters: interrupts and whatever does not care land on the first
    core. Several are always the highest: how fast they are together depends on what they share. Only cores as fast as
    the highest: a machine may have two kinds. A thread of the same physical core counts as much as the core itself: it
    takes from what runs there, and no counter shows by how much. Empty where the system does not tell which cores there
    are.
    """
    allowed = allowed_cores()
    highest = allowed[-count:]
    alike = [core for core in allowed if _kind(core, cpus) == _kind(allowed[-1], cpus)]
    if count > 1 or len(alike) <= count:
        return highest
    before = parse_busy(file_text(proc / "stat"))
    pause(_LOOK_S)
    busy = _shares(before, parse_busy(file_text(proc / "stat")))
    siblings = {core: _siblings(core, cpus) for core in alike}
    if not all(core in busy for core in alike):
        return highest
    score = {core: sum(busy.get(one, 0.0) for one in {core, *siblings[core]}) for core in alike}
    ranked = sorted(alike, key=lambda core: (score[core] // _QUIETER, -core))
    return tuple(sorted(ranked[:count]))


def _kind(core: int, cpus: Path) -> tuple[str, str]:
    """What tells fast cores from slow ones: their highest frequency, or on ARM what they can do in all."""
    folder = cpus / f"cpu{core}"
    return file_text(folder / "cpufreq/cpuinfo_max_freq").strip(), file_text(folder / "cpu_capacity").strip()


def _siblings(core: int, cpus: Path) -> tuple[int, ...]:
    text = file_text(cpus / f"cpu{core}/topology/thread_siblings_list")
    return parse_cpu_list(text) if text.strip() else ()


def _shares(before: Mapping[int, tuple[int, int]], after: Mapping[int, tuple[int, int]]) -> dict[int, float]:
    """The share of its time that each core was busy."""
    spans = {
        core: (after[core][0] - busy, after[core][1] - total) for core, (busy, total) in before.items() if core in after
    }
    return {core: busy / total for core, (busy, total) in spans.items() if total > 0}
