"""What the machine tells of itself, read and never changed. Linux; elsewhere most of it is not known."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbench.doctor.gpu import Gpu
from pytest_modelbench.doctor.sight import Sight
from pytest_modelbench.host.cgroup import quota_cores
from pytest_modelbench.host.cores import allowed_cores, core_count, smt_groups
from pytest_modelbench.host.cpufreq import governors, read_boost
from pytest_modelbench.host.files import file_text
from pytest_modelbench.host.power import on_battery
from pytest_modelbench.host.proc import (
    Process,
    parse_load_1m,
    parse_memory,
    parse_stat,
    processes,
    swapped_pages,
)
from pytest_modelbench.host.processor import is_virtual, model_name
from pytest_modelbench.host.run_delay import waits_are_told

#: How long use of the machine is watched, and so the span of every share below. Ticks are 10 ms: 1 % is one of them.
WATCHED_S = 1.0
#: So many of the busiest processes are worth naming.
_NAMED = 3
#: Where the CPUs' folder is; findings name files in it.
_CPUS = "sys/devices/system/cpu"


@dataclass(frozen=True, slots=True)
class Busy:
    """A process that used so much of a core."""

    pid: int
    name: str
    core_share: float


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine at one moment, or over `WATCHED_S` where it is about use. None: the system does not tell."""

    cores: int  #: that this process may use
    cpu: str | None = None
    virtual: bool | None = None  #: a hypervisor is below
    governors: tuple[str, ...] | None = None  #: of those cores, each once
    boost: bool | None = None
    boost_control: str = ""  #: the file that says so
    smt_groups: tuple[tuple[int, ...], ...] | None = None  #: of those cores, that are threads of one physical core
    load_1m: float | None = None
    steal_share: float | None = None
    busiest: tuple[Busy, ...] | None = None  #: without this process and its children, most first
    on_battery: bool | None = None
    quota_cores: float | None = None  #: what a container may use; also None without a limit
    memory_bytes: int | None = None
    available_bytes: int | None = None
    swapped_pages: int | None = None  #: in and out
    clocksource: str | None = None
    clocksources: tuple[str, ...] = ()  #: that could be chosen
    waits_told: bool | None = None  #: what others do on a thread's core is told apart from what it does
    gpu: Gpu | None = None
    gpu_unwatched: str = ""  #: why nothing is known of a GPU whose driver is there
    sight: Sight | None = None  #: what torch makes of it


def read_machine(
    root: Path = Path("/"),
    *,
    gpu: Gpu | None = None,
    gpu_unwatched: str = "",
    sight: Sight | None = None,
    cores: Sequence[int] | None = None,
    wait: Callable[[], object] = lambda: time.sleep(WATCHED_S),
) -> Machine:
    """The machine now; its use is watched while ``wait`` waits. ``cores``: those of this process if not given.

    ``root`` is the folder that ``proc`` and ``sys`` are in.
    """
    cores = (allowed_cores() or range(core_count())) if cores is None else cores
    proc, cpus = root / "proc", root / _CPUS
    clocks = root / "sys/devices/system/clocksource/clocksource0"
    load_1m = parse_load_1m(file_text(proc / "loadavg"))
    before = _Usage.read(proc, cores)
    wait()
    after = _Usage.read(proc, cores)
    cpuinfo, meminfo = file_text(proc / "cpuinfo"), file_text(proc / "meminfo")
    boost = read_boost(cpus)
    return Machine(
        cores=len(cores),
        cpu=model_name(cpuinfo),
        virtual=is_virtual(cpuinfo),
        governors=governors(cores, cpus),
        boost=boost.on if boost else None,
        boost_control=f"/{_CPUS}/{boost.control}" if boost else "",
        smt_groups=smt_groups(cores, cpus),
        load_1m=load_1m,
        steal_share=after.steal_share(before),
        busiest=after.busiest(before, len(cores)),
        on_battery=on_battery(root / "sys/class/power_supply"),
        quota_cores=quota_cores(root),
        memory_bytes=parse_memory(meminfo, "MemTotal"),
        available_bytes=parse_memory(meminfo, "MemAvailable"),
        swapped_pages=_less(after.swapped_pages, before.swapped_pages),
        clocksource=file_text(clocks / "current_clocksource") or None,
        clocksources=tuple(file_text(clocks / "available_clocksource").split()),
        waits_told=waits_are_told(proc),
        gpu=gpu,
        gpu_unwatched=gpu_unwatched,
        sight=sight,
    )


@dataclass(frozen=True, slots=True)
class _Usage:
    """Counters since boot: ticks of the cores looked at, and other processes by their ids."""

    total_ticks: int | None
    steal_ticks: int | None
    swapped_pages: int | None
    processes: dict[int, Process]

    @classmethod
    def read(cls, proc: Path, cores: Sequence[int]) -> _Usage:
        steal, total = parse_stat(file_text(proc / "stat"), cores) or (None, None)
        own = os.getpid()
        others = {one.pid: one for one in processes(proc) if own not in (one.pid, one.parent)}
        return cls(total, steal, swapped_pages(proc), others)

    def steal_share(self, before: _Usage) -> float | None:
        """Share of the cores' time that the hypervisor took."""
        span, stolen = _less(self.total_ticks, before.total_ticks), _less(self.steal_ticks, before.steal_ticks)
        return stolen / span if span and stolen is not None else None

    def busiest(self, before: _Usage, cores: int) -> tuple[Busy, ...] | None:
        """Who used most of a core, most first."""
        span = _less(self.total_ticks, before.total_ticks)
        if not span:
            return None
        used = [
            Busy(pid, process.name, (process.ticks - before.processes[pid].ticks) * cores / span)
            for pid, process in self.processes.items()
            if pid in before.processes
        ]
        busy = [process for process in used if process.core_share > 0]
        return tuple(sorted(busy, key=lambda process: -process.core_share)[:_NAMED])


def _less(now: int | None, then: int | None) -> int | None:
    return None if now is None or then is None else now - then
