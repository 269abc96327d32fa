"""What the machine tells of itself, read and never changed. Linux; elsewhere most of it is not known.

Every reader takes the root folder that ``proc`` and ``sys`` are in; a file that is not there makes None.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbench.doctor.gpu import Gpu
from pytest_modelbench.host.cgroup import quota_cores
from pytest_modelbench.host.cores import allowed_cores, core_count

#: How long use of the machine is watched, and so the span of every share below. Ticks are 10 ms: 1 % is one of them.
WATCHED_S = 1.0
#: So many of the busiest processes are worth naming.
_NAMED = 3


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
    gpu: Gpu | None = None


def read_machine(
    root: Path = Path("/"),
    *,
    gpu: Gpu | None = None,
    cores: Sequence[int] | None = None,
    wait: Callable[[], object] = lambda: time.sleep(WATCHED_S),
) -> Machine:
    """The machine now; its use is watched while ``wait`` waits. ``cores``: those of this process if not given."""
    cores = (allowed_cores() or range(core_count())) if cores is None else cores
    proc, cpus = root / "proc", root / "sys/devices/system/cpu"
    clocks = root / "sys/devices/system/clocksource/clocksource0"
    load = _text(proc / "loadavg")
    before = _Usage.read(proc, cores)
    wait()
    after = _Usage.read(proc, cores)
    cpuinfo, meminfo = _text(proc / "cpuinfo") or "", _text(proc / "meminfo") or ""
    boost, boost_control = _boost(root)
    return Machine(
        cores=len(cores),
        cpu=_first(r"^model name\s*:\s*(.+)$", cpuinfo),
        virtual=bool(re.search(r"^flags\s*:.*\bhypervisor\b", cpuinfo, re.MULTILINE)) if cpuinfo else None,
        governors=_governors(cpus, cores),
        boost=boost,
        boost_control=boost_control,
        smt_groups=_smt_groups(cpus, cores),
        load_1m=float(load.split()[0]) if load else None,
        steal_share=after.steal_share(before),
        busiest=after.busiest(before),
        on_battery=_on_battery(root / "sys/class/power_supply"),
        quota_cores=quota_cores(root),
        memory_bytes=_kibibytes(meminfo, "MemTotal"),
        available_bytes=_kibibytes(meminfo, "MemAvailable"),
        swapped_pages=_less(after.swapped_pages, before.swapped_pages),
        clocksource=_text(clocks / "current_clocksource"),
        clocksources=tuple((_text(clocks / "available_clocksource") or "").split()),
        gpu=gpu,
    )


@dataclass(frozen=True, slots=True)
class _Usage:
    """Counters since boot. Ticks of ``cores`` listed in /proc/stat; of each process by its id, with its name."""

    total_ticks: int | None
    steal_ticks: int | None
    listed: int
    swapped_pages: int | None
    processes: dict[int, tuple[str, int]]

    @classmethod
    def read(cls, proc: Path, cores: Sequence[int]) -> _Usage:
        wanted = {f"cpu{core}" for core in cores}
        # proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal; guests are in user and nice already.
        rows = [[int(ticks) for ticks in line.split()[1:9]] for line in _lines(proc / "stat") if _word(line) in wanted]
        swapped = [int(line.split()[1]) for line in _lines(proc / "vmstat") if _word(line) in ("pswpin", "pswpout")]
        return cls(
            total_ticks=sum(map(sum, rows)) if rows else None,
            steal_ticks=sum(row[7] for row in rows if len(row) > 7) if rows else None,
            listed=len(rows),
            swapped_pages=sum(swapped) if swapped else None,
            processes=dict(_processes(proc)),
        )

    def _span_ticks(self, before: _Usage) -> float | None:
        """Ticks of one core that passed, None if that is not known."""
        span = _less(self.total_ticks, before.total_ticks)
        return span / self.listed if span and self.listed else None

    def steal_share(self, before: _Usage) -> float | None:
        span, stolen = self._span_ticks(before), _less(self.steal_ticks, before.steal_ticks)
        return None if span is None or stolen is None else stolen / (span * self.listed)

    def busiest(self, before: _Usage) -> tuple[Busy, ...] | None:
        span = self._span_ticks(before)
        if span is None:
            return None
        used = [
            Busy(pid, name, (ticks - before.processes[pid][1]) / span)
            for pid, (name, ticks) in self.processes.items()
            if pid in before.processes
        ]
        busy = [process for process in used if process.core_share > 0]
        return tuple(sorted(busy, key=lambda process: -process.core_share)[:_NAMED])


def _processes(proc: Path) -> Iterator[tuple[int, tuple[str, int]]]:
    own = os.getpid()
    for path in proc.glob("[0-9]*/stat"):
        # proc_pid_stat(5): pid (comm) state ppid ... utime stime, 14 and 15; the name may hold blanks and brackets.
        head, _, tail = (_text(path) or "").rpartition(")")
        fields = tail.split()
        if len(fields) > 12 and int(path.parent.name) != own and int(fields[1]) != own:
            yield int(path.parent.name), (head.partition("(")[2], int(fields[11]) + int(fields[12]))


def _governors(cpus: Path, cores: Sequence[int]) -> tuple[str, ...] | None:
    found = {_text(cpus / f"cpu{core}/cpufreq/scaling_governor") for core in cores} - {None}
    return tuple(sorted(map(str, found))) or None


def _boost(root: Path) -> tuple[bool | None, str]:
    """Whether cores may go beyond their nominal frequency, and which file says so."""
    for control, on in (("cpufreq/boost", "1"), ("intel_pstate/no_turbo", "0")):
        path = Path("sys/devices/system/cpu") / control
        if (state := _text(root / path)) is not None:
            return state == on, f"/{path.as_posix()}"
    return None, ""


def _smt_groups(cpus: Path, cores: Sequence[int]) -> tuple[tuple[int, ...], ...] | None:
    """Groups of two and more; None if the topology is not told."""
    lists = [_text(cpus / f"cpu{core}/topology/thread_siblings_list") for core in cores]
    known = {text for text in lists if text}
    groups = {tuple(core for core in parse_cpu_list(text) if core in cores) for text in known}
    return tuple(sorted(group for group in groups if len(group) > 1)) if known else None


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """The numbers in ``0-1,64``."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


def _on_battery(supplies: Path) -> bool | None:
    """Whether the machine's own battery is being emptied; None if it has no power supply that tells."""
    found = sorted(supplies.glob("*")) if supplies.is_dir() else []
    # A battery with scope "Device" is in a mouse.
    own = [one for one in found if _text(one / "scope") != "Device"]
    batteries = [one for one in own if _text(one / "type") == "Battery"]
    return any(_text(one / "status") == "Discharging" for one in batteries) if own else None


def _kibibytes(meminfo: str, name: str) -> int | None:
    found = _first(rf"^{name}:\s*(\d+) kB$", meminfo)
    return int(found) * 1024 if found else None


def _first(pattern: str, text: str) -> str | None:
    match = re.search(pattern, text, re.MULTILINE)
    return match[1].strip() if match else None


def _less(now: int | None, then: int | None) -> int | None:
    return None if now is None or then is None else now - then


def _word(line: str) -> str:
    return line.split(" ", 1)[0]


def _lines(path: Path) -> list[str]:
    return (_text(path) or "").splitlines()


def _text(path: Path) -> str | None:
    """The file without blanks around it; None if it is not there, cannot be read, or is empty."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None
