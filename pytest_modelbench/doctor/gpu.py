"""The NVIDIA GPU that would be measured on, asked of NVML (package nvidia-ml-py, extra ``cuda``) and never told."""

from __future__ import annotations

import contextlib
import importlib
import os
from dataclasses import dataclass
from typing import Any

# Of nvml.h: NVML_CLOCK_SM, NVML_TEMPERATURE_GPU.
_SM_CLOCK = 1
_GPU_SENSOR = 0


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU at one moment. None: it does not tell."""

    name: str
    index: int  #: as NVML and nvidia-smi count
    persistence: bool | None = None  #: the driver stays loaded without users
    ecc: bool | None = None
    mig: bool | None = None  #: the device is divided, and others may use its other parts
    sm_clock_hz: int | None = None
    max_sm_clock_hz: int | None = None
    reasons: int | None = None  #: bits, what holds the clocks down
    temperature_c: int | None = None
    foreign: tuple[int, ...] | None = None  #: pids that compute on it; this process does not


def read_gpu(device: str, visible: str | None = None, library: Any = None) -> Gpu | None:
    """The GPU that ``device`` stands for; None where it is none of NVIDIA's, or NVML is missing or does not know it.

    ``visible``: of CUDA_VISIBLE_DEVICES, by default this process's. ``library`` stands in for ``pynvml``.
    """
    kind, _, ordinal = device.strip().lower().partition(":")
    if kind not in ("auto", "cuda") or not (ordinal or "0").isdecimal():
        return None
    if library is None:
        try:
            library = importlib.import_module("pynvml")
        except ImportError:
            return None
    nvml = _Nvml(library)
    if not nvml.open():
        return None
    try:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES") if visible is None else visible
        handle = _handle(nvml, int(ordinal or 0), visible)
        return None if handle is None else _read(nvml, handle)
    finally:
        nvml.ask("nvmlShutdown")


class _Nvml:
    """The library; what a driver, a device or a version of it does not know is None."""

    def __init__(self, library: Any) -> None:
        self._library = library
        # A driver older than nvidia-ml-py raises the second, which is no NVMLError.
        mismatch = getattr(library, "NVMLLibraryMismatchError", library.NVMLError)
        self._errors: tuple[type[Exception], ...] = (library.NVMLError, mismatch)

    def open(self) -> bool:
        with contextlib.suppress(*self._errors):
            self._library.nvmlInit()
            return True
        return False

    def ask(self, *names: str, of: tuple[object, ...] = ()) -> Any:
        """The answer of the first of the functions ``names``, which were renamed over time, that gives one."""
        for name in names:
            with contextlib.suppress(AttributeError, *self._errors):
                return getattr(self._library, name)(*of)
        return None


def _handle(nvml: _Nvml, ordinal: int, visible: str | None) -> Any:
    """The device that CUDA counts as ``ordinal``.

    CUDA puts the fastest device first and NVML follows the bus: with GPUs of one kind, that is the same order.
    """
    if visible is None:
        return nvml.ask("nvmlDeviceGetHandleByIndex", of=(ordinal,))
    chosen = [name.strip() for name in visible.split(",") if name.strip()]
    if ordinal >= len(chosen):
        return None
    name = chosen[ordinal]
    if name.isdecimal():
        return nvml.ask("nvmlDeviceGetHandleByIndex", of=(int(name),))
    return nvml.ask("nvmlDeviceGetHandleByUUID", of=(name,))


def _read(nvml: _Nvml, handle: object) -> Gpu:
    def ask(*names: str, of: int | None = None) -> Any:
        return nvml.ask(*names, of=(handle,) if of is None else (handle, of))

    name = ask("nvmlDeviceGetName")
    processes = ask("nvmlDeviceGetComputeRunningProcesses")
    # ECC and MIG answer with what is now and what will be after the next reset.
    ecc, mig = ask("nvmlDeviceGetEccMode"), ask("nvmlDeviceGetMigMode")
    return Gpu(
        name=name.decode() if isinstance(name, bytes) else str(name or "NVIDIA GPU"),
        index=ask("nvmlDeviceGetIndex") or 0,
        persistence=_bool(ask("nvmlDeviceGetPersistenceMode")),
        ecc=_bool(ecc[0] if ecc else None),
        mig=_bool(mig[0] if mig else None),
        sm_clock_hz=_hertz(ask("nvmlDeviceGetClockInfo", of=_SM_CLOCK)),
        max_sm_clock_hz=_hertz(ask("nvmlDeviceGetMaxClockInfo", of=_SM_CLOCK)),
        reasons=ask("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"),
        temperature_c=ask("nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature", of=_GPU_SENSOR),
        foreign=None if processes is None else tuple(sorted(int(process.pid) for process in processes)),
    )


def _hertz(megahertz: int | None) -> int | None:
    return megahertz * 1_000_000 if megahertz else None


def _bool(state: int | None) -> bool | None:
    return None if state is None else bool(state)
