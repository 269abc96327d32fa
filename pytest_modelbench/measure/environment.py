"""The device a session measures on, and the environment that its baselines hold for."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from pytest_modelbench import __version__
from pytest_modelbench.core.environment import Environment, Fact, slugify
from pytest_modelbench.core.errors import UsageError, did_you_mean
from pytest_modelbench.host.cores import allowed_cores, core_count
from pytest_modelbench.host.nvml import open_nvml
from pytest_modelbench.host.processor import Processor, read_processor

_PACKAGES = ("torch", "torchvision", "timm", "numpy")


def resolve_device(text: str) -> torch.device:
    """The device that ``text`` names, with its index; ``auto`` is the accelerator if there is one, else the CPU.

    Raises UsageError that lists the devices of this machine if it is unknown or not here.
    """
    here = _devices()
    name = text.strip().lower()
    if name == "auto":
        return here[1] if len(here) > 1 else here[0]
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is not None:
        for candidate in here:
            if device.type == candidate.type and device.index in (None, candidate.index):
                return candidate
        # One CPU is all of them: torch accepts cpu:3 and means cpu.
        if device.type == "cpu":
            return torch.device("cpu")
    known = [str(candidate) for candidate in here]
    hint = "" if device is not None else did_you_mean(name, {"auto", *known, *(candidate.type for candidate in here)})
    raise UsageError(
        f"--device={text}: {'this machine has no such device' if device is not None else 'unknown device'}.{hint} "
        f"Here are: {', '.join(known)}. On the CPU it runs with --device=cpu"
    )


def _devices() -> list[torch.device]:
    """The CPU, then the accelerator's devices; the current one is named first and so stands for the bare type."""
    devices = [torch.device("cpu")]
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is None:
        return devices
    current = torch.accelerator.current_device_index()
    order = sorted(range(torch.accelerator.device_count()), key=lambda index: (index != current, index))
    return devices + [torch.device(accelerator.type, index) for index in order]


def device_uuid(device: torch.device) -> str | None:
    """The UUID of a CUDA device, which stays its own when CUDA_VISIBLE_DEVICES renumbers; None of other devices."""
    if device.type != "cuda":
        return None
    uuid = getattr(torch.cuda.get_device_properties(device), "uuid", None)
    return None if uuid is None else str(uuid)


def detect(device: torch.device, threads: int, cores: int | None = None) -> Environment:
    """The environment of measurements on ``device`` by this process.

    ``cores``: how many the process might use when it started; by default how many it may use now, which after `pin`
    is fewer. Holds no paths and no host names: it is stored in baselines that others read.
    """
    cores = cores or core_count()
    if device.type == "cpu":
        processor = read_processor(_cpuinfo(), platform.processor() or platform.machine())
        name = f"{processor.name}, {_many(cores, 'core')}, {_many(threads, 'thread')}"
        kind, slug = "cpu", cpu_slug(processor, cores, threads)
        identity: dict[str, Fact] = {
            "device": "cpu",
            "name": processor.name,
            "model": processor.model,
            # Hypervisors mask instruction sets, and torch can be told to use fewer.
            "instruction_set": torch.backends.cpu.get_cpu_capability(),
            "cores": cores,
            "threads": threads,
        }
    else:
        name = _accelerator_name(device)
        kind = slug = f"{device.type}-{slugify(name)}"
        # Not the host's cores: the same device in another host is the same environment.
        identity = {"device": device.type, "name": name}
    return Environment(kind, name, slug, identity | _switches(device), _provenance(device))


def cpu_slug(processor: Processor, cores: int, threads: int) -> str:
    """Folder name such as ``cpu-amd-epyc-f26m2-2c-t1``: the numbers tell apart what hypervisors give one name."""
    parts = ("cpu", processor.name, processor.model, f"{cores}c", f"t{threads}")
    return slugify("-".join(part for part in parts if part))


def _switches(device: torch.device) -> dict[str, Fact]:
    """Switches that change what a device computes, and so how fast. What does not act on it would only part records."""
    backends: Any = torch.backends  # its stubs lack the operators
    facts: dict[str, Fact] = {"deterministic": torch.are_deterministic_algorithms_enabled()}
    if device.type == "cpu":
        precision = backends.mkldnn.matmul.fp32_precision
        return facts | {"matmul_precision": "ieee" if precision == "none" else precision}  # none: not chosen, so ieee
    # The new interface tells what is in force also where the legacy switches refuse to, because both were used.
    return facts | {
        "tf32_matmul": backends.cuda.matmul.fp32_precision == "tf32",
        "tf32_cudnn": backends.cudnn.conv.fp32_precision == "tf32",
        "cudnn_benchmark": bool(backends.cudnn.benchmark),
        "cudnn_deterministic": bool(backends.cudnn.deterministic),
    }


def _provenance(device: torch.device) -> dict[str, Fact]:
    facts: dict[str, Fact] = {
        "python": platform.python_version(),
        **{package: _version(package) for package in _PACKAGES},
        "pytest_modelbench": __version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "kernel": platform.release(),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        "packages": _installed(),
    }
    if device.type == "cuda":
        backends: Any = torch.backends
        facts |= {
            "cuda": torch.version.cuda,
            "hip": torch.version.hip,
            "cudnn": backends.cudnn.version(),
            "driver": _driver(),
        }
    return {key: value for key, value in facts.items() if value is not None}


def _installed() -> str:
    """How many packages are installed, and a fingerprint of their names and versions: ``87 (3f2a91bc)``."""
    found = sorted({f"{slugify(found.name)}=={found.version}" for found in metadata.distributions() if found.name})
    return f"{len(found)} ({hashlib.sha256(' '.join(found).encode()).hexdigest()[:8]})"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _driver() -> str | None:
    """Version of the NVIDIA driver, if nvidia-ml-py is installed and finds one."""
    nvml = open_nvml()
    if nvml is None:
        return None
    with nvml:
        version = nvml.ask("nvmlSystemGetDriverVersion")
    return None if version is None else str(version)


def _accelerator_name(device: torch.device) -> str:
    module = torch.get_device_module(device)
    if hasattr(module, "get_device_name"):
        return str(module.get_device_name(device))
    if device.type == "mps" and hasattr(torch.backends.mps, "get_name"):
        return str(torch.backends.mps.get_name())
    return platform.processor() or platform.machine()


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def pin(threads: int) -> tuple[int, ...]:
    """The cores this process now runs on: the ``threads`` highest of those allowed; empty where it cannot be pinned.

    The highest, because interrupts and whatever does not care land on the first core.
    """
    if threads < 1:
        raise UsageError(f"pinning to {threads} threads: it takes at least 1; see --modelbench-threads")
    cores = allowed_cores()[-threads:]
    if cores:
        for task in _tasks():
            _pin_task(task, cores)
    return cores


def _tasks() -> Iterable[int]:
    """This thread, and the others of this process: pinning reaches only one, and OpenMP's may be running already."""
    try:
        return [0, *(int(task) for task in os.listdir("/proc/self/task"))]
    except OSError:
        return [0]


def _pin_task(task: int, cores: Sequence[int]) -> None:
    try:
        os.sched_setaffinity(task, cores)
    except ProcessLookupError:
        if task == 0:
            raise
