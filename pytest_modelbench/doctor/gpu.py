"""The NVIDIA GPU that would be measured on, asked of NVML (package nvidia-ml-py, extra ``cuda``) and never told."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_modelbench.host.gpu import gpu_by_ordinal
from pytest_modelbench.host.nvml import driver_version, open_nvml, why_unseen
from pytest_modelbench.host.proc import PROC


@dataclass(frozen=True, slots=True)
class Gpu:
    """What the doctor tells of a GPU at one moment. None: it does not tell."""

    name: str
    index: int  #: as NVML and nvidia-smi count
    persistence: bool | None = None  #: the driver stays loaded without users
    ecc: bool | None = None
    mig: bool | None = None  #: the device is divided, and others may use its other parts
    compute_mode: int | None = None  #: as `host.gpu.GpuFacts` has it
    sm_clock_hz: int | None = None
    max_sm_clock_hz: int | None = None
    power_limit_w: float | None = None
    reasons: int | None = None  #: bits of `host.clock_reasons`, what holds the clocks where they are
    temperature_c: int | None = None
    foreign: tuple[int, ...] | None = None  #: pids that compute on it; this process does not


def why_unwatched(device: str, proc: Path = PROC, library: Any = None) -> str:
    """Why nothing is known of the GPU that ``device`` may stand for, though its driver is there; empty if there is not.

    ``proc`` is the folder of that name, ``library`` stands in for ``pynvml``.
    """
    meant = device.strip().lower().partition(":")[0] in ("auto", "cuda")
    return why_unseen(library) if meant and driver_version(proc) else ""


def read_gpu(device: str, visible: str | None = None, library: Any = None) -> Gpu | None:
    """The GPU that ``device`` stands for; None where it is none of NVIDIA's, or NVML is missing or does not know it.

    ``visible``: of CUDA_VISIBLE_DEVICES, by default this process's. ``library`` stands in for ``pynvml``.
    """
    kind, _, ordinal = device.strip().lower().partition(":")
    if kind not in ("auto", "cuda") or not (ordinal or "0").isdecimal():
        return None
    nvml = open_nvml(library)
    if nvml is None:
        return None
    with nvml:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES") if visible is None else visible
        gpu = gpu_by_ordinal(nvml, int(ordinal or 0), visible)
        if gpu is None:
            return None
        facts, state = gpu.facts(), gpu.state()
    return Gpu(
        name=facts.name,
        index=facts.index,
        persistence=facts.persistence,
        ecc=facts.ecc,
        mig=facts.mig,
        compute_mode=facts.compute_mode,
        sm_clock_hz=state.sm_clock_hz,
        max_sm_clock_hz=facts.max_sm_clock_hz,
        power_limit_w=facts.power_limit_w,
        reasons=state.reasons,
        temperature_c=state.temperature_c,
        foreign=None if state.pids is None else tuple(sorted(state.pids)),
    )
