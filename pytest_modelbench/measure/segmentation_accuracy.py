"""How well a model tells what each pixel shows: mean intersection over union, and pixel accuracy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pytest_modelbench.core.errors import MeasureError, hide_own_frames
from pytest_modelbench.core.tasks import IGNORED

__tracebackhide__ = hide_own_frames


@dataclass(frozen=True, slots=True)
class SegmentationAccuracy:
    """Fractions over all pixels that count, of ``samples`` images.

    ``miou``: mean over the classes of intersection over union, each over all images; ``class_iou``: those, None for a
    class that is neither there nor predicted, which the mean leaves out; ``image_iou``: the same mean within each image
    that has pixels to count, to compare two models image by image.
    """

    miou: float
    pixel_accuracy: float
    class_iou: tuple[float | None, ...]
    image_iou: tuple[float, ...]
    samples: int


def segmentation_accuracy(
    predict: Callable[[Tensor], Any],
    batches: Iterable[tuple[Tensor, Sequence[Tensor], Sequence[tuple[int, int]]]],
    num_classes: int,
) -> SegmentationAccuracy:
    """Accuracy of ``predict``, which returns logits ``(N, num_classes, H, W)`` for images ``(N, 3, H, W)``.

    ``batches`` also hold the label map of each image, ``(h, w) int64`` in any size, and height and width of the part of
    the image that the map is of, from its upper left. Logits of that part are scaled to the map, and the highest class
    counts: accuracy is that of the map as it was drawn. Samples are counted from 0 in messages.
    """
    # Here, since it takes a second to import: only whoever scores a model pays.
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    total = torch.zeros((num_classes, num_classes), dtype=torch.int64)
    image_iou: list[float] = []
    samples = 0
    for images, maps, frames in batches:
        logits = _checked(predict(images), images, len(maps), num_classes, samples)
        for one, wanted, (height, width) in zip(logits, maps, frames, strict=True):
            _check_map(wanted, num_classes, samples)
            scaled = _scaled(one[:, :height, :width], wanted)
            confusion = multiclass_confusion_matrix(
                scaled.argmax(dim=0), wanted, num_classes, ignore_index=IGNORED, validate_args=False
            )
            total += confusion
            mean = _mean(_ious(confusion))
            image_iou += [] if mean is None else [mean]
            samples += 1
    miou = _mean(_ious(total))
    if miou is None:
        raise MeasureError(f"accuracy of {samples} label maps without a pixel that counts: check the data")
    right = int(total.diagonal().sum()) / int(total.sum())
    return SegmentationAccuracy(miou, right, _ious(total), tuple(image_iou), samples)


def _ious(confusion: Tensor) -> tuple[float | None, ...]:
    """Intersection over union of each class, from counts by what is there and what is predicted.

    The metric's own division is in float32, which counts up to 16 million pixels: eight maps of Cityscapes.
    """
    both = confusion.diagonal()
    either = confusion.sum(dim=0) + confusion.sum(dim=1) - both
    return tuple(one / other if other else None for one, other in zip(both.tolist(), either.tolist(), strict=True))


def _mean(ious: Sequence[float | None]) -> float | None:
    known = [iou for iou in ious if iou is not None]
    return sum(known) / len(known) if known else None


def _scaled(logits: Tensor, wanted: Tensor) -> Tensor:
    if logits.shape[1:] == wanted.shape:
        return logits
    height, width = wanted.shape
    return interpolate(logits[None], size=(height, width), mode="bilinear", align_corners=False)[0]


def _checked(logits: object, images: Tensor, count: int, num_classes: int, first: int) -> Tensor:
    """The logits as float32 on the CPU; ``first`` is the number of the batch's first sample."""
    if not isinstance(logits, Tensor):
        raise MeasureError(f"accuracy: the model returns {type(logits).__name__}, not a tensor of logits")
    shape = (count, num_classes, images.shape[2], images.shape[3])
    if tuple(logits.shape) != shape:
        raise MeasureError(
            f"accuracy: the model returns logits of shape {tuple(logits.shape)} where {shape} are wanted: images, "
            "classes, height, width; build it with the number of classes of the data, and let it return logits of the "
            "image's size"
        )
    logits = logits.detach().to("cpu", torch.float32)
    finite = logits.isfinite().flatten(1).all(dim=1)
    if not finite.all():
        number = first + int(finite.logical_not().nonzero()[0])
        raise MeasureError(f"accuracy: the logits of sample {number} are not finite; check weights and precision")
    return logits


def _check_map(wanted: Tensor, num_classes: int, number: int) -> None:
    strange = wanted[((wanted < 0) | (wanted >= num_classes)) & (wanted != IGNORED)]
    if len(strange):
        raise MeasureError(
            f"accuracy: the map of sample {number} has class {int(strange[0])}, and the classes go from 0 to "
            f"{num_classes - 1}; use data that matches the model"
        )
