"""Whether an NVIDIA GPU let a measurement run: clocks, what holds them down, other processes. Asked of NVML."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pytest_modelbench.core.measurement import Figure
from pytest_modelbench.host.clock_reasons import all_reasons, disturbances, is_idle, is_power_capped, unknown_reasons
from pytest_modelbench.host.cpufreq import drop
from pytest_modelbench.host.gpu import NvmlGpu, gpu_by_uuid
from pytest_modelbench.host.nvml import open_nvml
from pytest_modelbench.host.proc import pid_namespace, sees_every_process

# Boost wanders in small steps; as for the CPU, a tenth is more than any band forgives.
MOST_CLOCK_DROP = 0.10


@dataclass(frozen=True, slots=True)
class GpuReading:
    """The device at one moment, as it looks to this process. None: it does not tell."""

    sm_clock_hz: int | None = None
    reasons: int | None = None  #: bits, what holds the clocks down
    #: pids beside this process and those allowed that computed on it since the last reading; where that is not told,
    #: that may compute on it
    foreign: frozenset[int] | None = None
    temperature_c: int | None = None
    power_w: float | None = None


@dataclass(frozen=True, slots=True)
class GpuHealth:
    """What a span of time was like on the device. None: it does not tell."""

    clock_drop: float | None = None  #: the largest, as a share, from one reading to the next
    reasons: int | None = None  #: of any reading
    foreign: frozenset[int] | None = None  #: of any reading
    hottest_c: int | None = None
    slowest_hz: int | None = None  #: of the readings at which it had something to do
    most_power_w: float | None = None

    @property
    def figures(self) -> dict[str, Figure]:
        """What a time that was taken meanwhile goes along with: how fast the GPU was, and what kept it there."""
        names = ", ".join(all_reasons(self.reasons or 0))
        found: dict[str, Figure] = {
            "gpu_clock_mhz": None if self.slowest_hz is None else self.slowest_hz // 1_000_000,
            "gpu_temperature_c": self.hottest_c,
            "gpu_power_w": None if self.most_power_w is None else round(self.most_power_w),
            "gpu_held_by": names or None,
        }
        return {name: figure for name, figure in found.items() if figure is not None}

    @property
    def unhealthy(self) -> str:
        """What disturbed the measurement, or an empty string."""
        causes = []
        if self.foreign:
            others = "another process" if len(self.foreign) == 1 else f"{len(self.foreign)} other processes"
            causes.append(f"{others} used the GPU ({_pids(self.foreign)})")
        if names := held_down_by(self.reasons or 0):
            at = "" if self.hottest_c is None else f", at {self.hottest_c} °C"
            causes.append(f"the GPU held its clocks down ({', '.join(names)}{at})")
        if self.clock_drop is not None and self.clock_drop > MOST_CLOCK_DROP:
            causes.append(f"the GPU's clock fell by {self.clock_drop:.1%}")
        return "; ".join(causes)


def held_down_by(reasons: int) -> list[str]:
    """What of ``reasons`` disturbed a measurement, in words, and beside that the bits that are not known here."""
    names = list(disturbances(reasons))
    unknown = unknown_reasons(reasons)
    return [*names, f"unknown reason {unknown:#x}"] if names and unknown else names


def over(readings: Sequence[GpuReading]) -> GpuHealth:
    """Health of the span in which ``readings`` were taken, in order."""
    drops = (_clock_drop(then, now) for then, now in pairwise(readings))
    masks = [reading.reasons for reading in readings if reading.reasons is not None]
    reasons = 0
    for mask in masks:
        reasons |= mask
    foreign = frozenset[int]().union(*(reading.foreign or () for reading in readings))
    # Nobody seen in one reading is no proof while another could not see.
    unseen = not readings or any(reading.foreign is None for reading in readings)
    return GpuHealth(
        _most(drops),
        reasons if masks else None,
        foreign if foreign or not unseen else None,
        _most(reading.temperature_c for reading in readings),
        min((one.sm_clock_hz for one in readings if one.sm_clock_hz and not is_idle(one.reasons or 0)), default=None),
        _most(reading.power_w for reading in readings),
    )


def _clock_drop(then: GpuReading, now: GpuReading) -> float | None:
    # A device that has nothing left to do lowers its clock itself, and one that is kept busy ends up where its power
    # limit holds it: an H100 10 to 15 % below its short boost.
    reasons = now.reasons or 0
    return None if is_idle(reasons) or is_power_capped(reasons) else drop(then.sm_clock_hz, now.sm_clock_hz)


class GpuProbe:
    """Reads one device for a process that computes on it; ``close`` is called when the probe is gone."""

    def __init__(
        self, gpu: NvmlGpu, allowed: Collection[int], sees_everyone: bool, close: Callable[[], object]
    ) -> None:
        self._gpu = gpu
        self._own = os.getpid()
        self._allowed = frozenset(allowed) | {self._own}
        self._sees_everyone = sees_everyone
        self._divided = gpu.facts().mig
        _, self._seen_us = gpu.busy_since(0)
        weakref.finalize(self, close)

    def read(self) -> GpuReading:
        """The device now, with whoever else computes on it."""
        state = self._gpu.state()
        return GpuReading(
            state.sm_clock_hz,
            state.reasons,
            self._foreign(state.pids or frozenset()),
            state.temperature_c,
            state.power_w,
        )

    def _foreign(self, pids: frozenset[int]) -> frozenset[int] | None:
        # Of a divided device, processes in the other parts are listed as well: they have their own share of it.
        if self._divided:
            return None
        # In a container, pids may be those of the host, or be left out. Then ours is missing, and others mean nothing.
        if self._own not in pids:
            return None
        foreign = pids - self._allowed
        if not foreign:
            return foreign if self._sees_everyone else None
        busy, self._seen_us = self._gpu.busy_since(self._seen_us)
        return foreign if busy is None else foreign & busy


def gpu_probe(
    uuid: str,
    allowed_pids: Collection[int] = (),
    library: Any = None,
    namespace: Callable[[], str] = pid_namespace,
) -> GpuProbe | None:
    """A probe of the device with this UUID, or None where NVML is missing or does not know the device.

    No index: CUDA_VISIBLE_DEVICES makes torch count differently. ``allowed_pids`` may compute on it, too: the other
    process that this one takes turns with. NVML is open as long as the probe lives.
    """
    nvml = open_nvml(library)
    if nvml is None:
        return None
    gpu = gpu_by_uuid(nvml, uuid)
    if gpu is None:
        nvml.close()
        return None
    return GpuProbe(gpu, allowed_pids, sees_every_process(namespace()), nvml.close)


def _most(values: Iterable[Any]) -> Any:
    return max((value for value in values if value is not None), default=None)


def _pids(pids: frozenset[int]) -> str:
    return f"{'pid' if len(pids) == 1 else 'pids'} {', '.join(map(str, sorted(pids)))}"
