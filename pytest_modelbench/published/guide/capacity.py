"""How many images fit into a memory: a line through peaks at several batch sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: Share of a device's memory that a model may fill. The rest is for what no allocator of PyTorch's counts: the CUDA
#: context and kernels (0.3 to 0.5 GiB on current devices), libraries' workspaces, and gaps between blocks.
USABLE = 0.9


@dataclass(frozen=True, slots=True)
class MemoryLine:
    """Peak bytes as ``fixed_bytes`` plus ``per_image_bytes`` for each image of the batch.

    ``batch_sizes`` are those it was laid through, ``off`` how far it misses the worst of them, as a share of the peak.
    """

    fixed_bytes: float
    per_image_bytes: float
    batch_sizes: tuple[int, ...]
    off: float

    def peak_bytes(self, batch_size: int) -> float:
        """Bytes that a batch of this size takes by the line."""
        return self.fixed_bytes + self.per_image_bytes * batch_size

    def largest_batch(self, memory_bytes: float) -> int:
        """Images of the largest batch that fits into `USABLE` of ``memory_bytes``; 0 if not even one does."""
        return max(0, int((USABLE * memory_bytes - self.fixed_bytes) // self.per_image_bytes))


def fit(peaks: Mapping[int, float]) -> MemoryLine | None:
    """The line through ``peaks``, bytes by batch size, by least squares.

    None for fewer than two batch sizes, and where memory does not grow with the batch: then nothing limits it.
    """
    if len(peaks) < 2:
        return None
    mean_batch = sum(peaks) / len(peaks)
    mean_peak = sum(peaks.values()) / len(peaks)
    slope = sum((batch - mean_batch) * (peak - mean_peak) for batch, peak in peaks.items()) / sum(
        (batch - mean_batch) ** 2 for batch in peaks
    )
    if slope <= 0:
        return None
    fixed = mean_peak - slope * mean_batch
    off = max(abs(fixed + slope * batch - peak) / peak for batch, peak in peaks.items())
    return MemoryLine(fixed, slope, tuple(sorted(peaks)), off)
