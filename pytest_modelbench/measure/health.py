"""Whether the machine let a measurement run: steal, competition, suspension, throttling, and the GPU's part.

Linux; elsewhere nothing is known but what NVML tells of the GPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

from pytest_modelbench.host.clock import Held
from pytest_modelbench.host.cores import allowed_cores
from pytest_modelbench.host.cpufreq import MOST_FREQUENCY_DROP, SYSTEM_CPUS, Throttle, drop, read_throttle
from pytest_modelbench.host.files import file_text
from pytest_modelbench.host.proc import (
    PROC,
    parse_core,
    parse_runnable,
    parse_schedstat,
    parse_steal,
    parse_switches,
)
from pytest_modelbench.measure.cpu_clocks import LeftOut
from pytest_modelbench.measure.gpu_health import GpuHealth, GpuProbe, GpuReading, gpu_probe, held_down_by, over

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
#: A GPU that is too hot, or drew too much at once, is given so long before it is asked again.
COOL_DOWN_S = 1.0
# Unless the process is taken off its core between the two, for milliseconds: the pair read closest together counts.
_CLOCK_TRIES = 3


@dataclass(frozen=True, slots=True)
class Health:
    """What a span of time was like for this process. None: the system does not tell."""

    duration_s: float
    steal_share: float | None = None  #: of the allowed cores' time, taken by the hypervisor
    run_queue: float | None = None  #: other runnable tasks per core, the smaller number of start and end
    involuntary_switches: int | None = None  #: how often the process was taken off a core, waiting to go on
    suspended_s: float | None = None  #: the whole machine was asleep
    waiting_share: float | None = None  #: of the span, the measuring thread was runnable but not running
    throttle_events: int | None = None  #: of the cores in use
    frequency_drop: float | None = None  #: as a share, of the core that the measuring thread is on
    gpu: GpuHealth | None = None

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
        if self.throttle_events is not None and self.throttle_events > 0:
            causes.append("the CPU was throttled, being too hot")
        if self.frequency_drop is not None and self.frequency_drop > MOST_FREQUENCY_DROP:
            causes.append(f"the CPU's frequency fell by {self.frequency_drop:.1%}")
        if self.gpu and self.gpu.unhealthy:
            causes.append(self.gpu.unhealthy)
        return "; ".join(causes)


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters at one moment. None: the system does not tell."""

    now_s: float
    ticks: Mapping[int, tuple[int, int]] = field(default_factory=dict)  #: of each allowed core: steal, and all
    core: int | None = None  #: the one that counts, where others do not
    runnable: int | None = None
    involuntary_switches: int | None = None
    waited_s: float | None = None
    asleep_s: float | None = None  #: since boot
    cores: int = 1
    throttle: Throttle = field(default_factory=Throttle)
    gpu: GpuReading | None = None

    @property
    def launching(self) -> Mapping[int, tuple[int, int]]:
        """Ticks of the core that counts, or of all."""
        if self.core is None or self.core not in self.ticks:
            return self.ticks
        return {self.core: self.ticks[self.core]}


class HealthProbe:
    """Compares counters of now with those of `start`, which creating the probe calls.

    On an accelerator, what keeps the host's thread from running counts as well: it launches the work. Not so what
    is ``left_out()`` of what was timed last.
    """

    def __init__(
        self,
        reading: Callable[[], Reading] | None = None,
        gpu: GpuProbe | None = None,
        left_out: Callable[[], LeftOut] = LeftOut,
        wait: Callable[[float], object] = Held.sleep,
    ) -> None:
        self._wait = wait
        self._reading = reading or take_reading
        self._gpu = gpu
        self._left_out = left_out
        self.start()

    def start(self) -> None:
        """Begin a new span."""
        self._seen = [self._take()]

    def read(self) -> Health:
        """Health since `start`, with whatever held clocks down when `disturbed` looked, be it over by now or not."""
        seen = [*self._seen, self._take()]
        drops = [drop(then.throttle.frequency_hz, now.throttle.frequency_hz) for then, now in pairwise(seen)]
        return replace(
            self._counted(between(seen[0], seen[-1])),
            frequency_drop=max((share for share in drops if share is not None), default=None),
            gpu=_gpu_health(*seen),
        )

    def disturbed(self) -> bool:
        """Whether the process was suspended, kept from running or slowed down since this was last asked.

        For `sampling.sample`, which measures the block again.
        """
        self._seen.append(self._take())
        health = self._counted(between(*self._seen[-2:]))
        # Not the run queue and the switches: over one block they are a handful of events, not a rate.
        return bool(replace(health, run_queue=None, involuntary_switches=None).unhealthy)

    def cool_down(self) -> bool:
        """Wait a while if the GPU held its clocks down when `disturbed` looked last; whether it did."""
        gpu = self._seen[-1].gpu
        if gpu is None or not held_down_by(gpu.reasons or 0):
            return False
        self._wait(COOL_DOWN_S)
        return True

    def _counted(self, health: Health) -> Health:
        """``health`` without what others did on the core, as far as that is left out of what is timed."""
        left_out = self._left_out()
        if left_out.waits:
            health = replace(health, waiting_share=None, run_queue=None, involuntary_switches=None)
        if health.steal_share is not None and health.duration_s > 0:
            # As far as the kernel shows that the time that was taken is in none of what was counted.
            health = replace(health, steal_share=max(0.0, health.steal_share - left_out.stolen_s / health.duration_s))
        return health

    def _take(self) -> Reading:
        # The GPU first: what its clocks do changes as soon as it has nothing left to do.
        gpu = self._gpu.read() if self._gpu else None
        reading = self._reading()
        return replace(reading, gpu=gpu) if gpu else reading


def health_probe(
    device_type: str,
    uuid: str | None = None,
    allowed_pids: Collection[int] = (),
    left_out: Callable[[], LeftOut] = LeftOut,
) -> HealthProbe:
    """A probe for measurements on a device: of the host, and on CUDA of the GPU with this UUID where NVML knows it.

    ``allowed_pids`` may use the GPU, too: the other process that this one takes turns with. ``left_out`` as for
    `HealthProbe`.
    """
    gpu = gpu_probe(uuid, allowed_pids) if device_type == "cuda" and uuid else None
    return HealthProbe(partial(take_reading, launching=device_type != "cpu"), gpu, left_out)


def between(then: Reading, now: Reading) -> Health:
    """Health of the span from ``then`` to ``now``."""
    duration_s = now.now_s - then.now_s
    steal, total = _ticks(then, now)
    steal_share = None
    if total > 0:
        steal_share = steal / total if steal >= _FEWEST_STEAL_TICKS else 0.0
    run_queue = None
    if then.runnable is not None and now.runnable is not None:
        # Both list the reader itself, which runs to read.
        run_queue = max(min(then.runnable, now.runnable) - 1, 0) / now.cores
    waited_s = _delta(then.waited_s, now.waited_s)
    suspended_s = _delta(then.asleep_s, now.asleep_s)
    switches = _delta(then.involuntary_switches, now.involuntary_switches)
    # Counters of other cores have been counting since boot.
    throttled = _delta(then.throttle.events, now.throttle.events) if then.cores == now.cores else None
    return Health(
        duration_s,
        steal_share,
        run_queue,
        None if switches is None else int(switches),
        # The clocks are read one after the other, so the difference of a waking machine wavers around zero.
        None if suspended_s is None else max(suspended_s, 0.0),
        waited_s / duration_s if waited_s is not None and duration_s > 0 else None,
        None if throttled is None else int(throttled),
        drop(then.throttle.frequency_hz, now.throttle.frequency_hz),
        _gpu_health(then, now),
    )


def _ticks(then: Reading, now: Reading) -> tuple[int, int]:
    """Ticks from ``then`` to ``now``, those taken and all."""
    cores = [core for core in now.launching if core in then.ticks]
    steal, total = (sum(now.ticks[core][place] - then.ticks[core][place] for core in cores) for place in (0, 1))
    return steal, total


def _gpu_health(*readings: Reading) -> GpuHealth | None:
    gpu = [reading.gpu for reading in readings if reading.gpu]
    return over(gpu) if gpu else None


def _delta(then: float | None, now: float | None) -> float | None:
    return None if then is None or now is None else now - then


def take_reading(proc: Path = PROC, cpus: Path = SYSTEM_CPUS, *, launching: bool = False) -> Reading:
    """Counters of now. ``launching``: only the core that the thread is on counts, which an accelerator waits for.

    A process that is not kept to one core may use sixteen, and what is taken of one of them is little of all.
    """
    cores = allowed_cores()
    core = parse_core(file_text(proc / "thread-self/stat"))
    return Reading(
        now_s=Held.monotonic(),
        ticks=parse_steal(file_text(proc / "stat"), cores),
        core=core if launching else None,
        runnable=parse_runnable(file_text(proc / "loadavg")),
        involuntary_switches=parse_switches(file_text(proc / "self/status")),
        waited_s=parse_schedstat(file_text(proc / "thread-self/schedstat")),
        asleep_s=_asleep_s(),
        cores=max(len(cores), 1),
        throttle=read_throttle(cores, core, cpus),
    )


def _asleep_s() -> float | None:
    """Seconds that the machine was asleep since boot: BOOTTIME goes on meanwhile, MONOTONIC and all timers stand."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return None
    tries = []
    for _ in range(_CLOCK_TRIES):
        before_s = time.clock_gettime(time.CLOCK_MONOTONIC)
        since_boot_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        tries.append((time.clock_gettime(time.CLOCK_MONOTONIC) - before_s, since_boot_s - before_s))
    return min(tries)[1]
