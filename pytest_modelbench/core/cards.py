"""Memory of devices that people have, and whether a plan fits into it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pytest_modelbench.core.errors import UsageError, did_you_mean
from pytest_modelbench.core.units import BYTES, split_quantity

GIB = 2**30
#: Bytes that NVIDIA's driver tells of each (nvidia-smi, in MiB; with error correction where it is always on).
CARDS = {
    name: mib * 2**20
    for name, mib in {
        "t4": 15_360, "p100": 16_384, "v100-16": 16_384, "v100-32": 32_768, "a10": 23_028, "a100-40": 40_960,
        "a100-80": 81_920, "l4": 23_034, "l40s": 46_068, "h100": 81_559, "h200": 143_771, "rtx2080ti": 11_264,
        "rtx3060": 12_288, "rtx3070": 8_192, "rtx3080": 10_240, "rtx3090": 24_576, "rtx4070": 12_282,
        "rtx4080": 16_376, "rtx4090": 24_564, "rtx5090": 32_607,
    }.items()
}  # fmt: skip
#: What no allocator of PyTorch's counts: the CUDA context with torch's kernels, at least and at most.
CONTEXT_BYTES = 0.3 * GIB, 0.6 * GIB
#: What libraries may ask for within a step, at most: workspaces of cuBLAS, and of cuDNN's algorithms as a rule.
WORKSPACE_BYTES = 0.25 * GIB


class Fit(str, Enum):
    """Whether something fits."""

    FITS = "fits"
    CLOSE = "too close to call"
    NOT = "does not fit"


@dataclass(frozen=True, slots=True)
class Memory:
    """A device's memory, by the name that it was asked for."""

    name: str
    size_bytes: float

    def fit(self, allocated_bytes: int, reserved_bytes: int) -> Fit:
        """Whether what an allocator holds, and takes from the driver, fits beside what it does not count."""
        least, most = CONTEXT_BYTES
        if reserved_bytes + most + WORKSPACE_BYTES <= self.size_bytes:
            return Fit.FITS
        # Short of memory, the allocator gives back what it has cached and tries again.
        return Fit.NOT if allocated_bytes + least > self.size_bytes else Fit.CLOSE


def memories(text: str) -> list[Memory]:
    """Those that ``16GiB,t4,rtx3070`` names. Raises UsageError for what is neither a size nor a card."""
    return [_memory(name.strip()) for name in text.split(",")]


def _memory(name: str) -> Memory:
    if (size := CARDS.get(name.lower())) is not None:
        return Memory(name.lower(), size)
    try:
        number, unit = split_quantity(name)
        size_bytes = number * BYTES[unit]
    except (KeyError, ValueError):
        size_bytes = 0.0
    if size_bytes <= 0:
        raise UsageError(
            f"{name!r} is neither a size, as 16GiB, nor a card.{did_you_mean(name.lower(), CARDS)} There are "
            f"{', '.join(CARDS)}"
        )
    return Memory(name, size_bytes)
