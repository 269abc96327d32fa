"""Whether an NVIDIA GPU let a measurement run: clocks, what holds them down, other processes. Asked of NVML."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from pytest_modelbench.host.cpufreq import drop
from pytest_modelbench.host.nvml import Nvml, open_nvml

#: What holds the clocks down and is a disturbance: nvmlClocksEventReasons (nvml.h), known as ThrottleReasons before.
HOLDS_DOWN: Mapping[int, str] = MappingProxyType(
    {
        0x8: "hardware slowdown",
        0x10: "sync boost",
        0x20: "software thermal slowdown",
        0x40: "hardware thermal slowdown",
        0x80: "hardware power brake",
        0x200: "board limit",
    }
)
IDLE = 0x1
# Settings of the device (0x2 applications clocks, 0x100 display clocks), its power (0x4) and voltage limits (0x400):
# there before, in and after a block alike; what they cost shows in the clock. Idle is what happens between blocks.
_HARMLESS = IDLE | 0x2 | 0x4 | 0x100 | 0x400
# Boost wanders in small steps; as for the CPU, a tenth is more than any band forgives.
MOST_CLOCK_DROP = 0.10
# Of nvml.h: NVML_CLOCK_SM, NVML_TEMPERATURE_GPU.
_SM_CLOCK = 1
_GPU_SENSOR = 0
# Inode of the first pid namespace (PROC_PID_INIT_INO in Linux' proc_ns.h): in others, outsiders cannot be seen.
_FIRST_PID_NAMESPACE = "pid:[4026531836]"


@dataclass(frozen=True, slots=True)
class GpuFacts:
    """What a device is set to, read once. None: it does not tell."""

    max_sm_clock_hz: int | None = None
    power_limit_w: float | None = None
    persistence: bool | None = None  #: the driver stays loaded without users
    ecc: bool | None = None
    mig: bool | None = None  #: the device is divided, and others may use its other parts


@dataclass(frozen=True, slots=True)
class GpuReading:
    """The device at one moment. None: it does not tell."""

    sm_clock_hz: int | None = None
    reasons: int | None = None  #: bits, what holds the clocks down
    foreign: frozenset[int] | None = None  #: pids that compute on it beside this process and those allowed
    temperature_c: int | None = None


@dataclass(frozen=True, slots=True)
class GpuHealth:
    """What a span of time was like on the device. None: it does not tell."""

    clock_drop: float | None = None  #: the largest, as a share, from one reading to the next
    reasons: int | None = None  #: of any reading
    foreign: frozenset[int] | None = None  #: of any reading
    hottest_c: int | None = None

    @property
    def unhealthy(self) -> str:
        """What disturbed the measurement, or an empty string."""
        causes = []
        if self.foreign:
            others = "another process" if len(self.foreign) == 1 else f"{len(self.foreign)} other processes"
            causes.append(f"{others} used the GPU ({_pids(self.foreign)})")
        if self.reasons and any(self.reasons & bit for bit in HOLDS_DOWN):
            at = "" if self.hottest_c is None else f", at {self.hottest_c} °C"
            causes.append(f"the GPU held its clocks down ({', '.join(reason_names(self.reasons))}{at})")
        if self.clock_drop is not None and self.clock_drop > MOST_CLOCK_DROP:
            causes.append(f"the GPU's clock fell by {self.clock_drop:.1%}")
        return "; ".join(causes)


def reason_names(reasons: int) -> list[str]:
    """What of ``reasons`` holds clocks down, in words, and bits that are not known here.

    Unknown bits are named beside others but are no disturbance alone: NVML keeps adding reasons, and not all of them
    slow anything down. One that does shows in the clock.
    """
    names = [name for bit, name in HOLDS_DOWN.items() if reasons & bit]
    unknown = reasons & ~_HARMLESS & ~sum(HOLDS_DOWN)
    return names + ([f"unknown reason {unknown:#x}"] if unknown else [])


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
    )


def _clock_drop(then: GpuReading, now: GpuReading) -> float | None:
    # A device that has nothing left to do lowers its clock itself.
    idle = now.reasons is not None and bool(now.reasons & IDLE)
    return None if idle else drop(then.sm_clock_hz, now.sm_clock_hz)


class GpuProbe:
    """Reads one device. Keeps NVML open as long as it lives."""

    def __init__(self, nvml: Nvml, handle: object, allowed: Collection[int], sees_everyone: bool) -> None:
        self._nvml = nvml
        self._handle = handle
        self._own = os.getpid()
        self._allowed = frozenset(allowed) | {self._own}
        self._sees_everyone = sees_everyone
        self.facts = self._read_facts()
        weakref.finalize(self, nvml.close)

    def read(self) -> GpuReading:
        """The device now: four questions to the driver. What they cost per block was not measured here."""
        # What the clocks do first: it changes as soon as the device has nothing left to do.
        reasons = self._ask("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons")
        clock_hz = _megahertz(self._ask("nvmlDeviceGetClockInfo", of=_SM_CLOCK))
        temperature_c = self._ask("nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature", of=_GPU_SENSOR)
        return GpuReading(clock_hz, reasons, self._foreign(), temperature_c)

    def _foreign(self) -> frozenset[int] | None:
        # Of a divided device, processes in the other parts are listed as well: they have their own share of it.
        if self.facts.mig:
            return None
        processes = self._ask("nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetComputeRunningProcesses_v2")
        pids = {int(process.pid) for process in processes or ()}
        # In a container, pids may be those of the host, or be left out. Then ours is missing, and others mean nothing.
        if self._own not in pids:
            return None
        foreign = frozenset(pids - self._allowed)
        return foreign if foreign or self._sees_everyone else None

    def _read_facts(self) -> GpuFacts:
        limit_mw = self._ask("nvmlDeviceGetEnforcedPowerLimit")
        return GpuFacts(
            _megahertz(self._ask("nvmlDeviceGetMaxClockInfo", of=_SM_CLOCK)),
            limit_mw / 1e3 if limit_mw else None,
            _bool(self._ask("nvmlDeviceGetPersistenceMode")),
            # Both answer with what is now and what will be after the next reset.
            _bool(_first(self._ask("nvmlDeviceGetEccMode"))),
            _bool(_first(self._ask("nvmlDeviceGetMigMode"))),
        )

    def _ask(self, *names: str, of: int | None = None) -> Any:
        return self._nvml.ask(*names, of=(self._handle,) if of is None else (self._handle, of))


def gpu_probe(
    uuid: str,
    allowed_pids: Collection[int] = (),
    library: Any = None,
    namespace: Callable[[], str] = lambda: os.readlink("/proc/self/ns/pid"),
) -> GpuProbe | None:
    """A probe of the device with this UUID, or None where NVML is missing or does not know the device.

    The UUID as NVML or as torch writes it (without ``GPU-``). No index: CUDA_VISIBLE_DEVICES makes torch count
    differently. ``allowed_pids`` may compute on it, too: the twin that this process takes turns with.
    """
    nvml = open_nvml(library)
    if nvml is None:
        return None
    known = uuid.startswith(("GPU-", "MIG-"))
    for name in [uuid] if known else [f"GPU-{uuid}", f"MIG-{uuid}"]:
        if (handle := nvml.ask("nvmlDeviceGetHandleByUUID", of=(name,))) is not None:
            return GpuProbe(nvml, handle, allowed_pids, _is_first(namespace))
    nvml.close()
    return None


def _is_first(namespace: Callable[[], str]) -> bool:
    try:
        return namespace() == _FIRST_PID_NAMESPACE
    except OSError:
        return False


def _most(values: Iterable[Any]) -> Any:
    return max((value for value in values if value is not None), default=None)


def _pids(pids: frozenset[int]) -> str:
    return f"{'pid' if len(pids) == 1 else 'pids'} {', '.join(map(str, sorted(pids)))}"


def _megahertz(clock: int | None) -> int | None:
    return clock * 1_000_000 if clock else None


def _bool(state: int | None) -> bool | None:
    return None if state is None else bool(state)


def _first(states: Sequence[int] | None) -> int | None:
    return states[0] if states else None
