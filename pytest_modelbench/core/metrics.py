"""Named quantities: unit, direction, which baseline they belong to, and the default band."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pytest_modelbench.core.bands import Band


class Better(str, Enum):
    """Which direction is an improvement. ``EQUAL``: every change is a regression."""

    LOWER = "lower"
    HIGHER = "higher"
    EQUAL = "equal"


class Scope(str, Enum):
    """Where a value holds, and so which baseline file it is compared with."""

    PORTABLE = "portable"  #: the same on any machine: parameters, bytes, MACs, accuracy
    KIND = "kind"  #: the same on any device of the kind: allocator peak, launches
    DEVICE = "device"  #: only in this very environment: latency, throughput


@dataclass(frozen=True, slots=True)
class Metric:
    """A named quantity.

    ``noisy`` metrics vary from process to process: they are measured in several, and compared on a log scale by the
    statistics of `core.screen`. The others are deterministic: one process settles them.
    """

    name: str
    unit: str
    better: Better
    scope: Scope
    band: Band
    noisy: bool = False


#: Units: s, images/s, bytes, count, fraction (shown in percent).
METRICS = {
    metric.name: metric
    for metric in (
        Metric("latency", "s", Better.LOWER, Scope.DEVICE, Band(0.05, text="5%"), noisy=True),
        Metric("throughput", "images/s", Better.HIGHER, Scope.DEVICE, Band(0.05, text="5%"), noisy=True),
        # What PyTorch's dispatcher keeps alive: exact for one version; 1 % lets a torch release change a detail.
        Metric("peak_live_memory", "bytes", Better.LOWER, Scope.PORTABLE, Band(0.01, text="1%")),
        # The caching allocator rounds, and libraries pick workspaces: 1 % and one small segment.
        Metric("peak_allocated_memory", "bytes", Better.LOWER, Scope.KIND, Band(0.01, 2**20, "1% + 1MiB")),
        Metric("parameters", "count", Better.EQUAL, Scope.PORTABLE, Band()),
        Metric("parameter_bytes", "bytes", Better.EQUAL, Scope.PORTABLE, Band()),
        Metric("macs", "count", Better.LOWER, Scope.PORTABLE, Band()),
        Metric("top1", "fraction", Better.HIGHER, Scope.PORTABLE, Band()),
        Metric("top5", "fraction", Better.HIGHER, Scope.PORTABLE, Band()),
    )
}
