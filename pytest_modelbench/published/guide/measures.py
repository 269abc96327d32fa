"""How each published figure is measured here: by which metric, of which case, and what of the setting must agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BATCH, IMAGE, PRECISION = "batch", "image", "precision"
_ALL = frozenset({BATCH, IMAGE, PRECISION})


@dataclass(frozen=True, slots=True)
class Measure:
    """One way to measure a figure.

    ``metrics`` are added up. ``mode`` is that of the case they are recorded for, and ``of`` that of the rows it is for,
    empty for all. ``matters`` says what of the setting changes the figure: where it does, ``exact`` leaves a figure out
    that was measured at another setting, otherwise it is shown with that setting. ``how`` is for the line below the
    table that says where figures are from.
    """

    title: str
    unit: str
    metrics: tuple[str, ...]
    mode: str = "inference"
    of: str = ""
    matters: frozenset[str] = _ALL
    exact: bool = False
    portable: bool = False
    how: str = ""


PARAMETERS = Measure(
    "Parameters", "count", ("parameters",), matters=frozenset({IMAGE}), exact=True, portable=True, how="counted"
)
SIZE = Measure(
    "Size", "bytes", ("parameter_bytes",), matters=frozenset({IMAGE, PRECISION}), exact=True, portable=True,
    how="counted",
)  # fmt: skip
LATENCY = Measure("Latency", "s", ("latency",), how="median")
THROUGHPUT = Measure("Throughput", "images/s", ("throughput",), of="inference", how="median")
STEP = Measure("Training step", "s", ("train_step",), "train", how="median")
TRAIN_THROUGHPUT = Measure("Throughput", "images/s", ("train_throughput",), "train", of="train", how="median")
STEP_MEMORY = Measure(
    "Memory", "bytes", ("peak_live_memory",), "train", exact=True, portable=True,
    how="peak of the second training step, predicted",
)  # fmt: skip
PASS_MEMORY = Measure(
    "Memory", "bytes", ("peak_live_memory",), "backward", exact=True, portable=True,
    how="peak of a forward and backward pass without optimizer, predicted",
)  # fmt: skip

#: The same two, as an accelerator's allocator had them.
ALLOCATED = tuple(
    Measure("Memory", "bytes", ("peak_allocated_memory",), mode, exact=True, how=f"peak of {what}, allocated")
    for mode, what in (("train", "a training step"), ("backward", "a forward and backward pass without optimizer"))
)


def _accuracy(title: str, metric: str, of: str = "") -> Measure:
    return Measure(title, "fraction", (metric,), of=of, matters=frozenset({PRECISION}), portable=True, how="measured")


#: Of pretrained weights, which a row of a training is not about, though its model has their name.
TOP1 = _accuracy("Top-1", "top1", of="inference")


def _trained(title: str, unit: str, metric: str, how: str) -> Measure:
    return Measure(title, unit, (metric,), "training", "train", frozenset({PRECISION}), how=how)


#: Seconds of a whole training, which are a detail of what it ends with.
TRAINING = "training"

#: By the figure's name in the catalog; of several ways the one is taken that has most of the rows.
MEASURES: Mapping[str, tuple[Measure, ...]] = {
    "parameters": (PARAMETERS,),
    "size": (SIZE,),
    "top1": (TOP1, _trained("Top-1", "fraction", "final_accuracy", "measured after training")),
    "top5": (
        _accuracy("Top-5", "top5", of="inference"),
        _trained("Top-5", "fraction", "final_top5", "measured after training"),
    ),
    "map": (_accuracy("mAP", "box_map"),),
    "map50": (_accuracy("mAP@50", "box_map50"),),
    "map75": (_accuracy("mAP@75", "box_map75"),),
    "miou": (_accuracy("mIoU", "miou"),),
    "pixel_accuracy": (_accuracy("Pixel accuracy", "pixel_accuracy"),),
    **dict.fromkeys(("latency", "latency_v100", "latency_t4", "latency_a100", "latency_cpu"), (LATENCY,)),
    **dict.fromkeys(("latency_b1", "latency_b8", "latency_b32"), (LATENCY,)),
    **dict.fromkeys(("rate", "rate_v100", "rate_t4"), (THROUGHPUT, TRAIN_THROUGHPUT)),
    "training_time": (_trained("Training time", "s", TRAINING, "of the whole training"),),
    "memory": (STEP_MEMORY, PASS_MEMORY),
    "memory_peak": (STEP_MEMORY, PASS_MEMORY),
    "memory_classification": (STEP_MEMORY, PASS_MEMORY),
    "memory_detection": (STEP_MEMORY, PASS_MEMORY),
    "memory_segmentation": (STEP_MEMORY, PASS_MEMORY),
    "step": (STEP,),
    "forward": (Measure("Forward", "s", ("forward_time",), "train", how="median"),),
    # The comparison counts the optimizer's step to the backward pass.
    "backward": (Measure("Backward and optimizer", "s", ("backward_time", "optimizer_time"), "train", how="median"),),
}
#: Figures that are computed from others, or are settings: nothing measures them.
COMPUTED = frozenset({"speedup", "max_batch", "default"})
