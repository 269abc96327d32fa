"""How often a classifier is right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pytest_modelbench.core.errors import MeasureError, UsageError, hide_own_frames
from pytest_modelbench.measure.logits import OF_CLASSES, LogitsOf, logits_in

__tracebackhide__ = hide_own_frames


@dataclass(frozen=True, slots=True)
class Accuracy:
    """``top[k]``: fraction of the ``samples`` whose label is among the k highest; ``hits[k]``: of which, in order."""

    top: Mapping[int, float]
    samples: int
    hits: Mapping[int, tuple[bool, ...]]

    @property
    def correct(self) -> tuple[bool, ...]:
        """For each sample, whether the highest logit is that of its label."""
        return self.hits[1]


def classification_accuracy(
    predict: Callable[[Tensor], Any],
    batches: Iterable[tuple[Tensor, Tensor]],
    num_classes: int,
    top_k: tuple[int, ...] = (1, 5),
    logits: LogitsOf | None = None,
) -> Accuracy:
    """Accuracy of ``predict``, which returns logits ``(N, num_classes)`` for images ``(N, 3, H, W)``.

    What it returns may hold them where `measure.logits` looks, or ``logits`` finds them there. Moving the images to the
    model's device is left to ``predict``. Samples are counted from 0 in messages.
    """
    if not top_k or not all(1 <= k <= num_classes for k in top_k):
        raise UsageError(f"top_k={top_k!r} with {num_classes} classes: each must be from 1 to {num_classes}")
    # Here, since it takes a second to import: only whoever scores a model pays.
    from torchmetrics.classification import MulticlassAccuracy

    metrics = {k: MulticlassAccuracy(num_classes, top_k=k, average="micro") for k in top_k}
    hits: dict[int, list[bool]] = {k: [] for k in top_k}
    samples = 0
    for images, labels in batches:
        found = _checked(logits_in(predict(images), OF_CLASSES, logits), labels, num_classes, samples)
        samples += len(labels)
        for k, metric in metrics.items():
            metric.update(found, labels)
            hits[k] += (found.topk(k, dim=1).indices == labels[:, None]).any(dim=1).tolist()
    if not samples:
        raise MeasureError("accuracy of no samples at all: the data is empty; check the image folder")
    # The metric divides in float32; the division of whole numbers in float64 gives 0.9 for 18 of 20.
    top = {k: round(metric.compute().item() * samples) / samples for k, metric in metrics.items()}
    return Accuracy(top, samples, {k: tuple(each) for k, each in hits.items()})


def _checked(logits: Tensor, labels: Tensor, num_classes: int, first: int) -> Tensor:
    """The logits as float32 on the CPU; ``first`` is the number of the batch's first sample."""
    if tuple(logits.shape) != (len(labels), num_classes):
        raise MeasureError(
            f"accuracy: the model returns logits of shape {tuple(logits.shape)} for {len(labels)} samples of "
            f"{num_classes} classes; build it with num_classes={num_classes}, or use data with its own classes"
        )
    logits = logits.detach().to("cpu", torch.float32)
    finite = logits.isfinite().all(dim=1)
    if not finite.all():
        number = int(finite.logical_not().nonzero()[0])
        raise MeasureError(
            f"accuracy: the logits of sample {first + number} are not finite; check weights and precision"
        )
    outside = (labels < 0) | (labels >= num_classes)
    if outside.any():
        number = int(outside.nonzero()[0])
        raise MeasureError(
            f"accuracy: sample {first + number} has label {int(labels[number])}, and the classes go from 0 to "
            f"{num_classes - 1}; use data that matches the model"
        )
    return logits
