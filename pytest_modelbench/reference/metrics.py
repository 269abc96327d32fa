"""The page of metrics: what each is, how it is recorded, and how it is compared by default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pytest_modelbench.core.metrics import METRICS, Better, Metric, Scope
from pytest_modelbench.reference.markdown import code, table

_INTRODUCTION = """\
# Metrics

Written by `python -m pytest_modelbench.reference docs/reference` from `core/metrics.py`; a test keeps this page equal
to it.

Methods of the [`modelbench` fixture](fixtures.md#modelbench) record these metrics. A baseline has the name of the
metric, or what `name=` says. `modelbench.record(...)` records any other number:
[add a metric](../how-to/add-a-metric.md).

- **better** says which direction is an improvement. *equal* means that every change is a regression.
- **scope** says where a value is valid, and so in which folder of `baselines/` it is kept: *portable* on every machine,
  *kind* on every device of the same kind, *device* only in the same environment.
- **band** is the change that is tolerated by default. A test sets another one with `band=` of the method or of the
  [marker](marker.md), a project with [`bands`](../reference-options.md). *exact* tolerates no change, *sampling* what
  chance explains, *any* every change.
- **noisy** metrics vary, so they are measured in several processes and compared by statistics: [how](../trust.md). For
  the others one process is enough.
"""
_AFTER = """
`macs`, `operators`, `copied_bytes`, `allocations` and `synchronizations` of a training pass
(`counters(model, backward=True)`) have `backward_` before their names, and so have peaks of
`peak_memory(model, backward=True)`.
"""


class Told(NamedTuple):
    """What a metric is, and the method that records it."""

    what: str
    by: str


#: A test holds this to `METRICS`: neither may have what the other lacks.
WHAT: Mapping[str, Told] = {
    "latency": Told("seconds of a forward pass, or of a call", "latency"),
    "throughput": Told("images (or clips, samples, tokens) in a second", "throughput"),
    "train_step": Told("seconds of a whole training step", "train_step"),
    "forward_time": Told("seconds of the step's forward pass", "train_step"),
    "backward_time": Told("seconds of the step's backward pass", "train_step"),
    "optimizer_time": Told("seconds of the optimizer's step", "train_step"),
    "train_throughput": Told("images in a second of training", "train_step"),
    "compile_time": Told("seconds that torch.compile takes with empty caches", "compile_time"),
    "instructions": Told("instructions that a forward pass runs on the CPU", "instructions"),
    "energy": Told("energy that the device takes for each image", "energy"),
    "predicted_latency": Told("predicted seconds of a pass on a device that need not be here", "predicted_latency"),
    "peak_live_memory": Told("peak of the bytes in tensors that are alive at once", "peak_memory"),
    "memory_growth": Told("bytes that each call adds and never frees", "peak_memory"),
    "peak_allocated_memory": Told("peak of the bytes requested from the device's allocator", "peak_memory"),
    "parameters": Told("number of parameters", "cost"),
    "parameter_bytes": Told("bytes that parameters take", "cost"),
    "macs": Told("multiply-accumulates of a forward pass", "cost"),
    "operators": Told("operator calls of a pass", "counters"),
    "copied_bytes": Told("bytes that copies, casts and changes of layout write", "counters"),
    "allocations": Told("tensors that a pass allocates", "counters"),
    "synchronizations": Told("how often the host waits for the accelerator", "counters"),
    "launches": Told("kernels, copies and fills that a pass runs on a CUDA device", "counters"),
    "graphs": Told("graphs that torch.compile makes of the model", "counters"),
    "graph_breaks": Told("graph breaks of torch.compile", "counters"),
    "recompilations": Told("how often torch.compile compiles again", "counters"),
    "output": Told("short summary of what the model computes on a fixed input", "numerics"),
    "top1": Told("share of images whose predicted class is right", "accuracy"),
    "top5": Told("share of images whose class is among the five most likely predictions", "accuracy"),
    "miou": Told("mean intersection over union of a segmentation", "segmentation_accuracy"),
    "pixel_accuracy": Told("share of pixels whose predicted class is right", "segmentation_accuracy"),
    "box_map": Told("mean average precision of boxes", "detection_accuracy"),
    "box_map50": Told("the same at an overlap of 0.5", "detection_accuracy"),
    "box_map75": Told("the same at an overlap of 0.75", "detection_accuracy"),
    "mask_map": Told("mean average precision of masks", "detection_accuracy"),
    "mask_map50": Told("the same at an overlap of 0.5", "detection_accuracy"),
    "mask_map75": Told("the same at an overlap of 0.75", "detection_accuracy"),
    "final_accuracy": Told("top-1 accuracy after a short, seeded training", "train_to_target"),
    "final_top5": Told("top-5 accuracy after that training", "train_to_target"),
    "steps_to_target": Told("training steps until the target accuracy is reached", "train_to_target"),
    "training_loss": Told("loss at several points of that training", "train_to_target"),
    "time_to_target": Told("seconds of training until the target accuracy is reached", "train_to_target"),
}
_BETTER = {Better.LOWER: "lower", Better.HIGHER: "higher", Better.EQUAL: "equal"}
_SCOPE = {Scope.PORTABLE: "portable", Scope.KIND: "kind", Scope.DEVICE: "device"}


def render() -> str:
    """The page of all metrics."""
    columns = ("metric", "what it is, and what records it", "unit", "better", "scope", "band", "noisy")
    return _INTRODUCTION + "\n" + table(columns, map(_row, METRICS.values())) + "\n" + _AFTER


def _row(metric: Metric) -> list[str]:
    told = WHAT[metric.name]
    noisy = "yes" if metric.noisy else "no"
    return [
        code(metric.name),
        f"{told.what}: [{code(told.by)}](fixtures.md#{told.by})",
        metric.unit,
        _BETTER[metric.better],
        _SCOPE[metric.scope],
        metric.band.text or "exact",
        noisy,
    ]
