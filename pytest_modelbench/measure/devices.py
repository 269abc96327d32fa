"""The device that a session measures on, by name: that of the CPU is known without torch."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

from pytest_modelbench.core.errors import UsageError, did_you_mean
from pytest_modelbench.host.accelerators import accelerator_possible
from pytest_modelbench.host.gpu import GpuFacts, gpu_by_uuid
from pytest_modelbench.host.nvml import open_nvml

if TYPE_CHECKING:
    import torch

CPU = "cpu"


def is_cpu(text: str) -> bool:
    """Whether ``text`` names the CPU for certain, so that torch need not be asked.

    ``auto`` does where no accelerator is possible: where `host.accelerators` finds no trace of a driver. The rule holds
    also if torch is imported, so that all processes of a session choose alike.
    """
    name = text.strip().lower()
    return name == CPU or (name == "auto" and not accelerator_possible())


def resolve_device(text: str) -> str:
    """Name of the device that ``text`` means, with its index; ``auto``: the accelerator if there is one, else the CPU.

    Imports torch unless that is the CPU by `is_cpu`. Raises UsageError that lists the devices of this machine if it is
    unknown or not here.
    """
    if is_cpu(text):
        return CPU
    import torch

    here = _devices()
    name = text.strip().lower()
    if name == "auto":
        return str(here[1] if len(here) > 1 else here[0])
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is not None:
        for candidate in here:
            if device.type == candidate.type and device.index in (None, candidate.index):
                return str(candidate)
        # One CPU is all of them: torch accepts cpu:3 and means cpu.
        if device.type == CPU:
            return CPU
    known = [str(candidate) for candidate in here]
    hint = "" if device is not None else did_you_mean(name, {"auto", *known, *(candidate.type for candidate in here)})
    missing = f"this machine has no such device{_why_missing(device)}" if device is not None else "unknown device"
    raise UsageError(
        f"--device={text}: {missing}.{hint} Here are: {', '.join(known)}. On the CPU it runs with --device=cpu"
    )


def _why_missing(device: torch.device) -> str:
    """Why torch cannot use ``device``, in its own words, as ``: Found no NVIDIA driver``; empty if it does not say."""
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        return f": {first_words(error)}"
    return ""


def first_words(error: Exception) -> str:
    """The first line of what torch says, without a full stop; the rest is advice on how to debug it."""
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


def _devices() -> list[torch.device]:
    """The CPU, then the accelerator's devices; the current one is named first and so stands for the bare type."""
    import torch

    devices = [torch.device(CPU)]
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is None:
        return devices
    current = torch.accelerator.current_device_index()
    order = sorted(range(torch.accelerator.device_count()), key=lambda index: (index != current, index))
    return devices + [torch.device(accelerator.type, index) for index in order]


def make_current(name: str) -> None:
    """Have ``cuda`` mean the accelerator ``name`` in this process, as in code that says no more than that.

    Raises UsageError if the device lets no further process in.
    """
    import torch

    try:
        torch.accelerator.set_device_index(torch.device(name).index or 0)
        torch.empty(1, device=name)
    except RuntimeError as error:
        raise UsageError(
            f"{name} cannot be used by this process: {first_words(error)}. Is it full, or open to one process "
            f"at a time (its compute mode)? pytest-modelbench doctor --device={name} looks"
        ) from error


def give_back(name: str) -> None:
    """Free what no test holds any more on the accelerator ``name``: a model that failed lives on in a cycle."""
    if (torch := _torch_on(name)) is not None:
        gc.collect()
        if name.startswith("cuda"):
            clear_workspaces()
        torch.get_device_module(name.partition(":")[0]).empty_cache()


def clear_workspaces() -> None:
    """Free the workspaces that cuBLAS keeps, for each stream that was ever used."""
    import torch

    # Not public, but without an equal: torch's own CUDA graph trees call it for the same reason.
    if clear := getattr(torch._C, "_cuda_clearCublasWorkspaces", None):
        clear()


def why_lost(name: str) -> str:
    """Why the accelerator ``name`` cannot be used any more by this process; empty if it can, or never was.

    After an assertion or an access that fails on the device, CUDA refuses all that a process asks of it, whoever asks.
    """
    torch = _torch_on(name)
    try:
        if torch is not None:
            torch.accelerator.synchronize(name)
    except RuntimeError as error:
        return str(error).partition("\n")[0]
    return ""


def _torch_on(name: str) -> Any:
    """torch, if it has used the accelerator ``name`` by now."""
    torch = sys.modules.get("torch")
    if name == CPU or torch is None:
        return None
    module = torch.get_device_module(name.partition(":")[0])
    return torch if getattr(module, "is_initialized", lambda: True)() else None


def device_uuid(device: torch.device) -> str | None:
    """The UUID of a CUDA device, which stays its own when CUDA_VISIBLE_DEVICES renumbers; None of other devices."""
    if device.type != "cuda":
        return None
    import torch

    uuid = getattr(torch.cuda.get_device_properties(device), "uuid", None)
    return None if uuid is None else str(uuid)


def gpu_facts(device: str) -> GpuFacts | None:
    """What NVML tells of the device ``cuda:0`` and the like, with its settings; None if it does not know it."""
    import torch

    nvml = open_nvml()
    if nvml is None:
        return None
    with nvml:
        uuid = device_uuid(torch.device(device))
        gpu = gpu_by_uuid(nvml, uuid) if uuid else None
        return gpu.facts() if gpu else None
