"""An NVIDIA GPU as NVML tells of it: found by its UUID or as CUDA counts, its settings, and its state of now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pytest_modelbench.host.nvml import Nvml

# Of nvml.h: NVML_CLOCK_SM, NVML_TEMPERATURE_GPU.
_SM_CLOCK = 1
_GPU_SENSOR = 0


@dataclass(frozen=True, slots=True)
class GpuFacts:
    """What a device is and is set to. None: it does not tell."""

    name: str = "NVIDIA GPU"
    index: int = 0  #: as NVML and nvidia-smi count
    max_sm_clock_hz: int | None = None
    power_limit_w: float | None = None
    persistence: bool | None = None  #: the driver stays loaded without users
    ecc: bool | None = None
    mig: bool | None = None  #: the device is divided, and others may use its other parts
    compute_mode: int | None = None  #: nvmlComputeMode_t: 0 for anybody, 2 for nobody, 3 for one process
    bus_id: str = ""  #: its place on the PCI bus as Linux writes it, ``0000:17:00.0``


@dataclass(frozen=True, slots=True)
class GpuState:
    """A device at one moment. None: it does not tell."""

    sm_clock_hz: int | None = None
    reasons: int | None = None  #: bits of `clock_reasons`, what holds the clocks where they are
    temperature_c: int | None = None
    power_w: float | None = None
    #: Of processes that compute on it; on a divided one, also of those in its other parts. In a container they may be
    #: those of the host, or be left out.
    pids: frozenset[int] | None = None


class NvmlGpu:
    """A device that is asked, and never told. Knows no more once ``nvml`` is closed."""

    def __init__(self, nvml: Nvml, handle: object) -> None:
        self._nvml = nvml
        self._handle = handle

    def facts(self) -> GpuFacts:
        """What the device is and is set to."""
        name = self._ask("nvmlDeviceGetName")
        limit_mw = self._ask("nvmlDeviceGetEnforcedPowerLimit")
        return GpuFacts(
            name=name.decode() if isinstance(name, bytes) else str(name or GpuFacts().name),
            index=self._ask("nvmlDeviceGetIndex") or 0,
            max_sm_clock_hz=_hertz(self._ask("nvmlDeviceGetMaxClockInfo", of=_SM_CLOCK)),
            power_limit_w=limit_mw / 1e3 if limit_mw else None,
            persistence=_bool(self._ask("nvmlDeviceGetPersistenceMode")),
            # Both answer with what is now and what will be after the next reset.
            ecc=_bool(_first(self._ask("nvmlDeviceGetEccMode"))),
            mig=_bool(_first(self._ask("nvmlDeviceGetMigMode"))),
            compute_mode=self._ask("nvmlDeviceGetComputeMode"),
            bus_id=_bus_id(getattr(self._ask("nvmlDeviceGetPciInfo"), "busId", "")),
        )

    def state(self) -> GpuState:
        """The device now: five questions to the driver. What they cost per block was not measured here."""
        # What the clocks do first: it changes as soon as the device has nothing left to do.
        reasons = self._ask("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons")
        clock_hz = _hertz(self._ask("nvmlDeviceGetClockInfo", of=_SM_CLOCK))
        temperature_c = self._ask("nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature", of=_GPU_SENSOR)
        power_mw = self._ask("nvmlDeviceGetPowerUsage")
        processes = self._ask("nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetComputeRunningProcesses_v2")
        pids = None if processes is None else frozenset(int(process.pid) for process in processes)
        return GpuState(clock_hz, reasons, temperature_c, power_mw / 1e3 if power_mw else None, pids)

    def busy_since(self, seen_us: int) -> tuple[frozenset[int] | None, int]:
        """Processes that computed on the device after ``seen_us``, and when that was seen last, by the driver's clock.

        None where it does not tell, as of a divided device. Whoever only holds memory there is not among them.
        """
        of = (self._handle, seen_us)
        samples = self._nvml.ask("nvmlDeviceGetProcessUtilization", of=of, nothing=[])
        if samples is None:
            return None, seen_us
        new = [one for one in samples if one.timeStamp > seen_us]
        busy = frozenset(int(one.pid) for one in new if one.smUtil > 0)
        return busy, max([seen_us, *(int(one.timeStamp) for one in new)])

    def energy_j(self) -> float | None:
        """Joules since the driver was loaded, of the whole board; None: it does not tell."""
        found_mj = self._ask("nvmlDeviceGetTotalEnergyConsumption")
        return None if found_mj is None else found_mj / 1e3

    def _ask(self, *names: str, of: int | None = None) -> Any:
        return self._nvml.ask(*names, of=(self._handle,) if of is None else (self._handle, of))


def gpu_by_uuid(nvml: Nvml, uuid: str) -> NvmlGpu | None:
    """The device with this UUID as NVML or as torch writes it (without ``GPU-``); None if NVML does not know it."""
    known = uuid.startswith(("GPU-", "MIG-"))
    for name in [uuid] if known else [f"GPU-{uuid}", f"MIG-{uuid}"]:
        if (handle := nvml.ask("nvmlDeviceGetHandleByUUID", of=(name,))) is not None:
            return NvmlGpu(nvml, handle)
    return None


def gpu_by_ordinal(nvml: Nvml, ordinal: int, visible: str | None) -> NvmlGpu | None:
    """The device that CUDA counts as ``ordinal`` under CUDA_VISIBLE_DEVICES; None if there is none.

    CUDA puts the fastest device first and NVML follows the bus: with GPUs of one kind, that is the same order.
    """
    name = str(ordinal)
    if visible is not None:
        chosen = [name.strip() for name in visible.split(",") if name.strip()]
        if ordinal >= len(chosen):
            return None
        name = chosen[ordinal]
    if name.isdecimal():
        handle = nvml.ask("nvmlDeviceGetHandleByIndex", of=(int(name),))
    else:
        handle = nvml.ask("nvmlDeviceGetHandleByUUID", of=(name,)) or _by_prefix(nvml, name)
    return None if handle is None else NvmlGpu(nvml, handle)


def _by_prefix(nvml: Nvml, prefix: str) -> object | None:
    """The one device whose UUID begins so, as CUDA takes it; NVML wants all of it."""
    handles = (nvml.ask("nvmlDeviceGetHandleByIndex", of=(at,)) for at in range(nvml.ask("nvmlDeviceGetCount") or 0))
    found = [one for one in handles if one and _text(nvml.ask("nvmlDeviceGetUUID", of=(one,))).startswith(prefix)]
    return found[0] if len(found) == 1 else None


def _text(told: str | bytes | None) -> str:
    return told.decode() if isinstance(told, bytes) else told or ""


def _bus_id(told: str | bytes) -> str:
    """Of ``00000000:17:00.0``: NVML writes four digits of the domain more than Linux, and capitals."""
    return _text(told).lower()[-len("0000:00:00.0") :]


def _hertz(megahertz: int | None) -> int | None:
    return megahertz * 1_000_000 if megahertz else None


def _bool(state: int | None) -> bool | None:
    return None if state is None else bool(state)


def _first(states: Sequence[int] | None) -> int | None:
    return states[0] if states else None
