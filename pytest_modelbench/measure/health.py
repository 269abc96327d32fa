"""Whether the machine let a measurement run: steal, competition, suspension. Linux; elsewhere nothing is known."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# A vCPU that loses 1 % to its host is a usual neighbour; at 5 % times move by as much as the band allows.
MOST_STEAL_SHARE = 0.05
# Runnable but not running, likewise: as much as the band.
MOST_WAITING_SHARE = 0.05
# The kernel counts steal in ticks of 10 ms; a single one during a short block says nothing.
_FEWEST_STEAL_TICKS = 2
# Others that want to run, per allowed core, both before and after: one each already shares the cores with us.
MOST_RUNNABLE_PER_CORE = 1.0
# A core that is ours alone is taken away by kernel threads a few times a second; a competitor's time slices are 3-4 ms,
# some 100 switches a second.
MOST_SWITCHES_PER_S = 50.0
# The two clocks differ by less than a microsecond when read one after the other; a suspend takes far longer.
LONGEST_SUSPENDED_S = 0.001


@dataclass(frozen=True, slots=True)
class Health:
    """What a span of time was like for this process. None: the system does not tell."""

    duration_s: float
    steal_share: float | None = None  #: of the allowed cores' time, taken by the hypervisor
    run_queue: float | None = None  #: other runnable tasks per core, the smaller number of start and end
    involuntary_switches: int | None = None  #: how often the process was taken off a core, waiting to go on
    suspended_s: float | None = None  #: the whole machine was asleep
    waiting_share: float | None = None  #: of the span, the measuring thread was runnable but not running

    @property
    def unhealthy(self) -> str:
        """One sentence on what disturbed the measurement, or an empty string."""
        causes = []
        if self.suspended_s is not None and self.suspended_s > LONGEST_SUSPENDED_S:
            causes.append(f"the machine was suspended for {self.suspended_s:.3g} s")
        if self.steal_share is not None and self.steal_share > MOST_STEAL_SHARE:
            causes.append(f"the hypervisor took {self.steal_share:.1%} of the CPU time (steal)")
        if self.waiting_share is not None and self.waiting_share > MOST_WAITING_SHARE:
            causes.append(f"the process waited for a core {self.waiting_share:.1%} of the time")
        if self.run_queue is not None and self.run_queue > MOST_RUNNABLE_PER_CORE:
            causes.append(f"{self.run_queue:.1f} other tasks per core wanted to run")
        if self.involuntary_switches is not None and self.duration_s > 0:
            rate = self.involuntary_switches / self.duration_s
            if rate > MOST_SWITCHES_PER_S:
                causes.append(f"the process was taken off its core {rate:.0f} times a second")
        return "; ".join(causes)


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters at one moment. None: the system does not tell."""

    now_s: float
    steal_ticks: int | None = None
    total_ticks: int | None = None
    runnable: int | None = None
    involuntary_switches: int | None = None
    waited_s: float | None = None
    asleep_s: float | None = None  #: since boot
    cores: int = 1


class HealthProbe:
    """Compares counters of now with those of `start`, which creating the probe calls."""

    def __init__(self, reading: Callable[[], Reading] | None = None) -> None:
        self._reading = reading or take_reading
        self.start()

    def start(self) -> None:
        """Begin a new span."""
        self._begin = self._last = self._reading()

    def read(self) -> Health:
        """Health since `start`."""
        return between(self._begin, self._reading())

    def disturbed(self) -> bool:
        """Whether the process was suspended or kept from running since this was last asked: for `sampling.sample`."""
        before, self._last = self._last, self._reading()
        health = between(before, self._last)
        # Not the run queue and the switches: over one block they are a handful of events, not a rate.
        return bool(
            Health(
                health.duration_s,
                steal_share=health.steal_share,
                suspended_s=health.suspended_s,
                waiting_share=health.waiting_share,
            ).unhealthy
        )


def between(then: Reading, now: Reading) -> Health:
    """Health of the span from ``then`` to ``now``."""
    duration_s = now.now_s - then.now_s
    steal, total = _delta(then.steal_ticks, now.steal_ticks), _delta(then.total_ticks, now.total_ticks)
    steal_share = None
    if steal is not None and total is not None and total > 0:
        steal_share = steal / total if steal >= _FEWEST_STEAL_TICKS else 0.0
    run_queue = None
    if then.runnable is not None and now.runnable is not None:
        # Both list the reader itself, which runs to read.
        run_queue = max(min(then.runnable, now.runnable) - 1, 0) / now.cores
    waited_s = _delta(then.waited_s, now.waited_s)
    suspended_s = _delta(then.asleep_s, now.asleep_s)
    switches = _delta(then.involuntary_switches, now.involuntary_switches)
    return Health(
        duration_s,
        steal_share,
        run_queue,
        None if switches is None else int(switches),
        # The clocks are read one after the other, so the difference of a waking machine wavers around zero.
        None if suspended_s is None else max(suspended_s, 0.0),
        waited_s / duration_s if waited_s is not None and duration_s > 0 else None,
    )


def _delta(then: float | None, now: float | None) -> float | None:
    return None if then is None or now is None else now - then


def take_reading() -> Reading:
    """Counters of now."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    steal, total = parse_stat(_text("/proc/stat"), cores) or (None, None)
    asleep_s = None
    if hasattr(time, "CLOCK_BOOTTIME"):
        # BOOTTIME goes on while the machine sleeps; MONOTONIC stands still, and with it every timer used here.
        asleep_s = time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
    return Reading(
        now_s=time.monotonic(),
        steal_ticks=steal,
        total_ticks=total,
        runnable=parse_loadavg(_text("/proc/loadavg")),
        involuntary_switches=parse_switches(_text("/proc/self/status")),
        waited_s=parse_schedstat(_text("/proc/thread-self/schedstat")),
        asleep_s=asleep_s,
        cores=max(len(cores), 1),
    )


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def parse_stat(text: str, cores: list[int]) -> tuple[int, int] | None:
    """Steal and total ticks of ``cores`` from ``/proc/stat``, or None where they are not all listed.

    Fields (proc_stat(5)): user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice; the guests are
    already in user and nice.
    """
    wanted = {f"cpu{core}" for core in cores}
    rows = [line.split() for line in text.splitlines() if line.split(" ", 1)[0] in wanted]
    try:
        ticks = [[int(field) for field in row[1:9]] for row in rows]
    except ValueError:
        return None
    if not ticks or len(ticks) != len(wanted) or any(len(row) < 8 for row in ticks):
        return None
    return sum(row[7] for row in ticks), sum(map(sum, ticks))


def parse_loadavg(text: str) -> int | None:
    """Number of runnable tasks in ``/proc/loadavg``: ``0.00 0.04 0.07 1/86 5494`` has 1."""
    fields = text.split()
    runnable = fields[3].split("/")[0] if len(fields) >= 4 else ""
    return int(runnable) if runnable.isdecimal() else None


def parse_switches(text: str) -> int | None:
    """Involuntary context switches in ``/proc/self/status``."""
    for line in text.splitlines():
        name, _, count = line.partition(":")
        if name == "nonvoluntary_ctxt_switches" and count.strip().isdecimal():
            return int(count)
    return None


def parse_schedstat(text: str) -> float | None:
    """Seconds spent runnable but waiting for a core, from ``/proc/thread-self/schedstat``: running, waiting, slices."""
    fields = text.split()
    if len(fields) != 3 or not fields[1].isdecimal():
        return None
    return int(fields[1]) / 1e9
