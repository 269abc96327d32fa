"""Named quantities: unit, direction, which baseline they belong to, and the default band."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pytest_modelbench.core.bands import ANY, Band


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
    statistics of `judge.comparison`. The others are deterministic: one process settles them. Of those that are
    ``itemized``, the amount of each kind counts, and not their sum alone.
    """

    name: str
    unit: str
    better: Better
    scope: Scope
    band: Band
    noisy: bool = False
    itemized: bool = False


_SAMPLING = Band(text="sampling", sampling=True)
_HALF_A_POINT = Band(0.0, 0.005, "0.5pp")
#: Units: s, images/s (or clips/s, samples/s, ...: what goes in), bytes, count, fraction (shown in percent), rms (of an
#: output, in its own scale).
METRICS = {
    metric.name: metric
    for metric in (
        Metric("latency", "s", Better.LOWER, Scope.DEVICE, Band(0.05, text="5%"), noisy=True),
        Metric("throughput", "images/s", Better.HIGHER, Scope.DEVICE, Band(0.05, text="5%"), noisy=True),
        # A training step, and its three phases: the shortest of them varies most.
        Metric("train_step", "s", Better.LOWER, Scope.DEVICE, Band(0.05, text="5%"), noisy=True),
        Metric("forward_time", "s", Better.LOWER, Scope.DEVICE, Band(0.05, text="5%"), noisy=True),
        Metric("backward_time", "s", Better.LOWER, Scope.DEVICE, Band(0.05, text="5%"), noisy=True),
        Metric("optimizer_time", "s", Better.LOWER, Scope.DEVICE, Band(0.10, text="10%"), noisy=True),
        Metric("train_throughput", "images/s", Better.HIGHER, Scope.DEVICE, Band(0.05, text="5%"), noisy=True),
        # What torch.compile takes, once in a process: other processes of the machine compile with it.
        Metric("compile_time", "s", Better.LOWER, Scope.DEVICE, Band(0.20, text="20%"), noisy=True),
        # Of the CPU, in user space: as good as the same from run to run, whoever else is busy; of one processor and one
        # build of the libraries, which choose their kernels. Less than 2.5 % cannot be told from how days may differ.
        Metric("instructions", "count", Better.LOWER, Scope.DEVICE, Band(0.03, text="3%"), noisy=True),
        # Of the whole device while it computes, beside the reference workload's.
        Metric("energy", "J/image", Better.LOWER, Scope.DEVICE, Band(0.05, text="5%"), noisy=True),
        # On paper, for a device that need not be here: told where it changes, and never failed.
        Metric("predicted_latency", "s", Better.LOWER, Scope.PORTABLE, ANY),
        # What PyTorch's dispatcher keeps alive: exact for one version; 1 % lets a torch release change a detail.
        Metric("peak_live_memory", "bytes", Better.LOWER, Scope.PORTABLE, Band(0.01, text="1%")),
        # What each call leaves behind for good: of a model that may run for days, nothing.
        Metric("memory_growth", "bytes", Better.LOWER, Scope.PORTABLE, Band()),
        # What is asked of the caching allocator, without cuBLAS' workspaces; those of cuDNN depend on what it chooses:
        # 1 % and one small segment.
        Metric("peak_allocated_memory", "bytes", Better.LOWER, Scope.KIND, Band(0.01, 2**20, "1% + 1MiB")),
        Metric("parameters", "count", Better.EQUAL, Scope.PORTABLE, Band()),
        Metric("parameter_bytes", "bytes", Better.EQUAL, Scope.PORTABLE, Band()),
        Metric("macs", "count", Better.LOWER, Scope.PORTABLE, Band()),
        # What a pass asks of PyTorch's dispatcher: the same wherever it runs, for one version of torch.
        Metric("operators", "count", Better.LOWER, Scope.PORTABLE, Band(), itemized=True),
        Metric("copied_bytes", "bytes", Better.LOWER, Scope.PORTABLE, Band()),
        Metric("allocations", "count", Better.LOWER, Scope.PORTABLE, Band()),
        Metric("synchronizations", "count", Better.LOWER, Scope.PORTABLE, Band()),
        # What a pass launches on a CUDA device: which kernels a library takes is the device's.
        Metric("launches", "count", Better.LOWER, Scope.KIND, Band()),
        # What torch.compile makes of a model, whatever it is compiled for.
        Metric("graphs", "count", Better.EQUAL, Scope.PORTABLE, Band()),
        Metric("graph_breaks", "count", Better.LOWER, Scope.PORTABLE, Band()),
        Metric("recompilations", "count", Better.LOWER, Scope.PORTABLE, Band()),
        # What a model computes on a fixed input, in short: the root mean square of its output, and projections of it.
        Metric("output", "rms", Better.EQUAL, Scope.PORTABLE, Band(0.001, text="0.1%")),
        # One flipped sample of a hundred is no regression by itself: samples are compared one by one.
        Metric("top1", "fraction", Better.HIGHER, Scope.PORTABLE, _SAMPLING),
        Metric("top5", "fraction", Better.HIGHER, Scope.PORTABLE, _SAMPLING),
        Metric("miou", "fraction", Better.HIGHER, Scope.PORTABLE, _SAMPLING),
        # Of millions of pixels, and of ranks of boxes over a whole data set: no sample to compare one by one.
        Metric("pixel_accuracy", "fraction", Better.HIGHER, Scope.PORTABLE, _HALF_A_POINT),
        *(
            Metric(f"{kind}_{figure}", "fraction", Better.HIGHER, Scope.PORTABLE, _HALF_A_POINT)
            for kind in ("box", "mask")
            for figure in ("map", "map50", "map75")
        ),
        # Of a training from seed: reproducible on one machine; another one rounds otherwise, and learns another way.
        Metric("final_accuracy", "fraction", Better.HIGHER, Scope.DEVICE, _SAMPLING),
        Metric("final_top5", "fraction", Better.HIGHER, Scope.DEVICE, _SAMPLING),
        Metric("steps_to_target", "count", Better.LOWER, Scope.DEVICE, Band(0.10, text="10%")),
        Metric("training_loss", "nats", Better.LOWER, Scope.DEVICE, Band(0.10, 0.02, "10% + 0.02nats")),
        Metric("time_to_target", "s", Better.LOWER, Scope.DEVICE, Band(0.20, text="20%"), noisy=True),
    )
}
