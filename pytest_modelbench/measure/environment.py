"""The environment that a session measures in, and that its baselines hold for; that of a CPU is told without torch."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from pytest_modelbench import __version__
from pytest_modelbench.core.environment import NONE, VARIABLES, Environment, Fact, differences, named, slugify
from pytest_modelbench.core.packages import Package, packed
from pytest_modelbench.host.cores import core_count
from pytest_modelbench.host.instructions import instruction_set
from pytest_modelbench.host.nvml import driver_version, open_nvml
from pytest_modelbench.host.processor import Processor, read_processor
from pytest_modelbench.host.variables import choosing_variables
from pytest_modelbench.measure.devices import CPU, gpu_facts

_PACKAGES = ("torch", "torchvision", "timm", "numpy")
#: Folders that say of a package that it is installed: as wheels have them, and as setuptools had them before.
_METADATA = ("*.dist-info", "*.egg-info")
#: As many digits of a commit as messages show.
_SHORT_COMMIT = 10
#: Variables that make an accelerator compute or wait otherwise than its switches say.
_OVERRULING = ("NVIDIA_TF32_OVERRIDE", "CUDA_LAUNCH_BLOCKING")
#: float32 products in float32, as torch has them until it is told otherwise.
_IEEE = "ieee"


def detect(device: str, threads: int, cores: int | None = None, host_cores: str = "any") -> Environment:
    """The environment of measurements on ``device``, as `resolve_device` names it, by this process.

    ``cores``: how many the process might use when it started; by default how many it may use now, which after
    `measure.pinning.pin` is fewer. ``host_cores``: as `measure.pinning.keep_to` takes them. Holds no paths and no host
    names: it is stored in baselines that others read.
    """
    cores = cores or core_count()
    if device == CPU:
        cpuinfo = _cpuinfo()
        of_torch = _of_cpu(cpuinfo)
        processor = _processor(cpuinfo)
        name = f"{processor.name}, {_many(cores, 'core')}, {_many(threads, 'thread')}"
        kind, slug = CPU, cpu_slug(processor, cores, threads)
        identity: dict[str, Fact] = {
            "device": CPU,
            "name": processor.name,
            "model": processor.model,
            "instruction_set": of_torch.pop("instruction_set"),
            "cores": cores,
            "threads": threads,
            **of_torch,
        }
        return Environment(kind, name, slug, identity, _provenance(device))
    name = _accelerator_name(device)
    kind = f"{device.partition(':')[0]}-{slugify(name)}"
    # Not the host's cores: the same device in another host is the same environment.
    identity = {"device": device.partition(":")[0], "name": name, **_switches_of_accelerator()}
    return Environment(kind, name, kind, identity, {**_provenance(device), "host_cores": host_cores})


def doubt(told: Environment) -> str:
    """What torch, now that it is imported, tells otherwise of the CPU than ``told`` does; empty if it agrees.

    For a process that began without torch, whose environment rests on `host.instructions` and on torch's defaults.
    """
    wrong = differences(told.identity, _asked_of_torch())
    if not wrong:
        return ""
    return (
        f"the environment was told before torch was imported, and torch tells it otherwise: {named(wrong)}. Import "
        "torch in conftest.py: then it is asked first"
    )


def drift(told: Environment) -> str:
    """What of ``told`` torch tells otherwise now, such as ``threads 1 -> 2``; empty if it holds still."""
    import torch

    if told.identity.get("device") == CPU:
        now: dict[str, Fact] = {**_asked_of_torch(), "threads": torch.get_num_threads()}
    else:
        now = _switches_of_accelerator()
    return named(differences(told.identity, now))


def _processor(cpuinfo: str) -> Processor:
    return read_processor(cpuinfo, platform.processor() or platform.machine())


def cpu_slug(processor: Processor, cores: int, threads: int) -> str:
    """Folder name such as ``cpu-amd-epyc-f26m2-2c-t1``: the numbers tell apart what hypervisors give one name."""
    parts = ("cpu", processor.name, processor.model, f"{cores}c", f"t{threads}")
    return slugify("-".join(part for part in parts if part))


def _of_cpu(cpuinfo: str) -> dict[str, Fact]:
    """What torch makes of the CPU: asked of torch if it is imported or has to be, else what it would answer."""
    told = instruction_set(cpuinfo, platform.machine(), os.environ.get("ATEN_CPU_CAPABILITY"))
    if told is None or "torch" in sys.modules:
        return _asked_of_torch()
    return {"instruction_set": told, "deterministic": False, "matmul_precision": _IEEE}


def _asked_of_torch() -> dict[str, Fact]:
    import torch

    backends: Any = torch.backends  # its stubs lack the operators
    precision = backends.mkldnn.matmul.fp32_precision
    return {
        # Hypervisors mask instruction sets, and torch can be told to use fewer.
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        # Switches that change what a device computes, and so how fast. What does not act on it would only part records.
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "matmul_precision": _IEEE if precision == "none" else precision,  # none: not chosen, so ieee
    }


def _switches_of_accelerator() -> dict[str, Fact]:
    import torch

    backends: Any = torch.backends
    # The new interface tells what is in force also where the legacy switches refuse to, because both were used.
    return {
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "tf32_matmul": backends.cuda.matmul.fp32_precision == "tf32",
        "tf32_cudnn": backends.cudnn.conv.fp32_precision == "tf32",
        "cudnn_benchmark": bool(backends.cudnn.benchmark),
        "cudnn_deterministic": bool(backends.cudnn.deterministic),
        # They overrule the switches, and have the CPU wait for each kernel.
        **{name.lower(): os.environ.get(name) or NONE for name in _OVERRULING},
    }


def _provenance(device: str) -> dict[str, Fact]:
    facts: dict[str, Fact] = {
        "python": platform.python_version(),
        **{package: _version(package) for package in _PACKAGES},
        "pytest_modelbench": __version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "kernel": platform.release(),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        VARIABLES: choosing_variables() or NONE,
        "packages": _installed(),
    }
    if device.partition(":")[0] == "cuda":
        import torch

        backends: Any = torch.backends
        facts |= {
            "cuda": torch.version.cuda,
            "hip": torch.version.hip,
            "cudnn": backends.cudnn.version(),
            "driver": driver_version() or _driver(),
            "power_limit_w": _power_limit_w(device),
            # What is bound by launching follows the CPU that launches.
            "host_cpu": _processor(_cpuinfo()).name,
        }
    return {key: value for key, value in facts.items() if value is not None}


def _installed() -> str:
    """All that is installed, as one fact: `core.packages.packed`.

    Names and versions are in the names of the folders of their metadata, ``timm-1.0.31.dist-info``: to parse what is in
    them takes longer than anything else in a worker that imports no torch. Only the one file that few have is read.
    """
    places = [path for place in set(sys.path) for kind in _METADATA for path in Path(place or ".").glob(kind)]
    parted = [(path, *path.stem.partition("-")[::2]) for path in places]
    return packed(Package(slugify(name), version, _origin(path)) for path, name, version in parted if version)


def _origin(folder: Path) -> str:
    """``editable``, ``git 1a2b3c4d5e`` for one installed from a repository (PEP 610), or ``files 1a2b3c4d5e``.

    The last is what a folder or an archive was at the time: it may be another one under the same version. Never a path
    or an address.
    """
    try:
        told = json.loads((folder / "direct_url.json").read_text(encoding="utf-8"))
        if told.get("dir_info", {}).get("editable"):
            return "editable"
        if vcs := told.get("vcs_info", {}):
            return f"{vcs['vcs']} {vcs['commit_id'][:_SHORT_COMMIT]}"
        record = (folder / "RECORD").read_text(encoding="utf-8").splitlines()
        # Metadata and scripts have paths of the machine in them.
        own = "\n".join(line for line in record if not line.startswith(("..", folder.name)))
        return f"files {hashlib.sha256(own.encode()).hexdigest()[:_SHORT_COMMIT]}"
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return ""  # it came from an index, or nobody says where from


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


def _power_limit_w(device: str) -> float | None:
    """Watts that the device may draw, if NVML tells: under load it is as fast as they let it be."""
    facts = gpu_facts(device)
    return facts.power_limit_w if facts else None


def _accelerator_name(name: str) -> str:
    import torch

    device = torch.device(name)
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
