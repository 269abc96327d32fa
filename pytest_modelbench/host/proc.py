"""What Linux' ``/proc`` tells of the machine, of this process and of others. Elsewhere nothing is known.

Functions that parse take a file's text, those that read the folder that stands for ``/proc``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbench.host.files import file_text, parse_count

PROC = Path("/proc")
#: Inode of the first pid namespace (PROC_PID_INIT_INO in proc_ns.h): in others, outsiders cannot be seen.
_FIRST_PID_NAMESPACE = "pid:[4026531836]"


@dataclass(frozen=True, slots=True)
class Process:
    """A process as its ``stat`` file has it."""

    pid: int
    name: str
    parent: int
    ticks: int  #: spent running since it began, in the kernel or not


def processes_with(variable: str, value: str, proc: Path = PROC) -> list[int]:
    """Processes that were started with this environment variable, and what they have started since."""
    wanted = f"{variable}={value}".encode()
    found = []
    for environ in proc.glob("[0-9]*/environ"):
        try:
            content = environ.read_bytes()
        except OSError:  # it has ended, or is somebody else's
            continue
        if wanted in content.split(b"\0"):
            found.append(int(environ.parent.name))
    return sorted(found)


def parse_stat(text: str, cores: Sequence[int]) -> tuple[int, int] | None:
    """Steal and total ticks of ``cores`` from ``/proc/stat``, or None where they are not all listed.

    Fields (proc_stat(5)): user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice; the guests are
    already in user and nice.
    """
    known = parse_steal(text, cores)
    if not cores or not known.keys() >= set(cores):
        return None
    return sum(steal for steal, _ in known.values()), sum(total for _, total in known.values())


def parse_steal(text: str, cores: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Steal and total ticks of each of ``cores``, as far as ``/proc/stat`` lists them."""
    known = _core_ticks(text)
    return {core: (known[core][7], sum(known[core])) for core in cores if core in known}


def parse_busy(text: str) -> dict[int, tuple[int, int]]:
    """Busy and total ticks of each core from ``/proc/stat``: busy with anything, or taken by the hypervisor."""
    return {
        core: (sum(row) - row[3] - row[4], sum(row)) for core, row in _core_ticks(text).items()
    }  # less idle, iowait


def _core_ticks(text: str) -> dict[int, list[int]]:
    """The eight counts of each core that ``/proc/stat`` lists in full, from user to steal."""
    found = {}
    for row in (line.split() for line in text.splitlines() if line.startswith("cpu")):
        core = re.fullmatch(r"cpu(\d+)", row[0], re.ASCII)
        known = [tick for field in row[1:9] if (tick := parse_count(field)) is not None]
        if core and len(known) == 8:
            found[int(core[1])] = known
    return found


def parse_runnable(text: str) -> int | None:
    """Number of runnable tasks in ``/proc/loadavg``: ``0.00 0.04 0.07 1/86 5494`` has 1."""
    fields = text.split()
    return parse_count(fields[3].split("/")[0]) if len(fields) >= 4 else None


def parse_load_1m(text: str) -> float | None:
    """Tasks that wanted to run, on average over the last minute, from ``/proc/loadavg``."""
    found = re.match(r"\d+\.\d+", text, re.ASCII)
    return float(found[0]) if found else None


def parse_switches(text: str) -> int | None:
    """Involuntary context switches in ``/proc/self/status``."""
    for line in text.splitlines():
        name, _, count = line.partition(":")
        if name == "nonvoluntary_ctxt_switches":
            return parse_count(count)
    return None


def parse_schedstat(text: str) -> float | None:
    """Seconds spent runnable but waiting for a core, from ``/proc/thread-self/schedstat``: running, waiting, slices."""
    fields = text.split()
    waited_ns = parse_count(fields[1]) if len(fields) == 3 else None
    return None if waited_ns is None else waited_ns / 1e9


def parse_process(text: str) -> Process | None:
    """The process that a ``/proc/<pid>/stat`` is about (proc_pid_stat(5)); None for a text of another shape."""
    head, fields = _parts(text)
    pid, _, name = head.partition(" (")
    # From field 3 on: state, ppid, ...; utime and stime are 14 and 15.
    numbers = [parse_count(field) for field in (pid, *fields[1:2], *fields[11:13])]
    known = [number for number in numbers if number is not None]
    if len(known) != 4:
        return None
    return Process(known[0], name, known[1], known[2] + known[3])


def parse_core(text: str) -> int | None:
    """The core that a thread is on, or was last, from its ``stat``: field 39 of proc_pid_stat(5)."""
    _, fields = _parts(text)
    return parse_count(fields[36]) if len(fields) > 36 else None


def parse_counters(text: str) -> dict[str, int]:
    """The counters of ``/proc/vmstat`` by their names."""
    pairs = (line.split() for line in text.splitlines())
    found = {pair[0]: parse_count(pair[1]) for pair in pairs if len(pair) == 2}
    return {name: count for name, count in found.items() if count is not None}


def parse_memory(text: str, name: str) -> int | None:
    """Bytes of the row ``name`` in ``/proc/meminfo``, which counts kibibytes and calls them kB."""
    found = re.search(rf"^{re.escape(name)}:\s*(\d+) kB$", text, re.MULTILINE | re.ASCII)
    return int(found[1]) * 1024 if found else None


def processes(proc: Path = PROC) -> Iterator[Process]:
    """Every process that can be seen; those that end meanwhile are left out."""
    for path in proc.glob("[0-9]*/stat"):
        if process := parse_process(file_text(path)):
            yield process


def siblings(proc: Path = PROC) -> frozenset[int]:
    """Processes that this one's parent has started, this one among them. Empty where the system does not tell."""
    parent = os.getppid()
    return frozenset(process.pid for process in processes(proc) if process.parent == parent)


def out_of_memory_kills(proc: Path = PROC) -> int | None:
    """How often the kernel has killed for memory so far, None where it does not say."""
    return parse_counters(file_text(proc / "vmstat")).get("oom_kill")


def swapped_pages(proc: Path = PROC) -> int | None:
    """Pages swapped in and out since boot, None where the system does not tell."""
    counters = parse_counters(file_text(proc / "vmstat"))
    found = [counters[name] for name in ("pswpin", "pswpout") if name in counters]
    return sum(found) if found else None


def pid_namespace(proc: Path = PROC) -> str:
    """The namespace that this process's pids are of; empty where the system does not tell."""
    try:
        return os.readlink(proc / "self/ns/pid")
    except OSError:
        return ""


def sees_every_process(namespace: str) -> bool:
    """Whether a process in this pid ``namespace`` sees all there are: it is no container's."""
    return namespace == _FIRST_PID_NAMESPACE


def _parts(text: str) -> tuple[str, list[str]]:
    """What a ``stat`` file has before and after the closing bracket of the name, which may itself hold any."""
    head, _, tail = text.rpartition(")")
    return head, tail.split()
