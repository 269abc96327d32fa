"""Joules that a processor or a GPU has used, as its own counter tells: RAPL of the kernel, NVML of NVIDIA's driver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pytest_modelbench.core.errors import MeasureError, UnavailableError
from pytest_modelbench.host.files import file_text
from pytest_modelbench.host.gpu import NvmlGpu

#: Where the kernel has RAPL's counters (Documentation/power/powercap).
POWERCAP = Path("/sys/class/powercap")


class EnergyMeter(Protocol):
    """A counter of joules."""

    name: str
    update_s: float  #: how often it moves, at most

    def joules(self) -> float:
        """Joules since some moment: differences count, and never fall."""
        ...


@dataclass(slots=True)
class _Zone:
    """A package of RAPL's: microjoules that start again at 0 beyond ``most``."""

    path: Path
    most: int
    last: int
    turns: int = 0

    def microjoules(self) -> int:
        now = _number(self.path / "energy_uj")
        if now < self.last:
            self.turns += 1
        self.last = now
        return now + self.turns * (self.most + 1)


class Rapl:
    """All packages of this machine's processors; whatever runs on them counts."""

    name = "RAPL"
    update_s = 1e-3

    def __init__(self, zones: Sequence[_Zone]) -> None:
        self._zones = zones

    def joules(self) -> float:
        """Joules since some moment, of all packages."""
        return sum(zone.microjoules() for zone in self._zones) / 1e6


class GpuEnergy:
    """One GPU; whatever runs on it counts."""

    name = "NVML"
    #: The driver reads the board's sensors ten times a second at least (Yang et al., "Part-time power measurements",
    #: SC 2024, found 100 ms on all they had).
    update_s = 0.1

    def __init__(self, gpu: NvmlGpu) -> None:
        self._gpu = gpu

    def joules(self) -> float:
        """Joules since the driver was loaded. Raises MeasureError if it does not tell any more."""
        found = self._gpu.energy_j()
        if found is None:
            raise MeasureError("the GPU does not tell its energy any more; see nvidia-smi")
        return found


def processor_meter(root: Path = POWERCAP) -> Rapl:
    """RAPL's packages; raises UnavailableError, with why and what helps, where they are not told."""
    # The whole platform (psys) has packages in it, and they have cores and memory in them.
    found = sorted(path for path in root.glob("intel-rapl:*") if _is_package(path))
    if not found:
        raise UnavailableError(
            f"the energy of this processor is not told: no {root}/intel-rapl:0, as in virtual machines; use bare metal"
        )
    try:
        return Rapl([_Zone(path, _number(path / "max_energy_range_uj"), _number(path / "energy_uj")) for path in found])
    except OSError as error:
        files = " ".join(f"{path}/energy_uj" for path in found)
        raise UnavailableError(
            f"the energy of this processor is not told: {error.strerror or error}; the kernel keeps it for root: sudo "
            f"chmod a+r {files}"
        ) from None


def _is_package(path: Path) -> bool:
    return file_text(path / "name").startswith("package")


def gpu_meter(gpu: NvmlGpu | None) -> GpuEnergy:
    """The counter of a GPU; raises UnavailableError where it has none."""
    if gpu is None or gpu.energy_j() is None:
        raise UnavailableError(
            "the energy of this GPU is not told: that takes nvidia-ml-py (pip install 'pytest-modelbench[cuda]'), and "
            "a GPU of Volta's generation or later"
        )
    return GpuEnergy(gpu)


def _number(path: Path) -> int:
    text = path.read_text().strip()
    if not text.isdecimal():
        raise MeasureError(f"{path} says {text!r}, and no number of microjoules")
    return int(text)
