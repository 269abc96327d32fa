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
from pytest_modelbench.measure.logits import OF_PIXELS, LogitsOf, logits_in

__tracebackhide__ = hide_own_frames

#: Largest stride of a model whose logits are scaled to the image; segmenters' have 4, 8 or 16.
_COARSEST = 32


@dataclass(frozen=True, slots=True)
class SegmentationAccuracy:
    """Fractions over all pixels that count, of ``samples`` images.

    ``miou``: mean over the classes of intersection over union, each over all images; ``class_iou``: those, None for a
    class that is neither there nor predicted, which the mean leaves out; ``image_iou``: the same mean within each image
    that has pixels to count, to compare two models image by image; ``scored``: the numbers of those images, from 0.
    """

    miou: float
    pixel_accuracy: float
    class_iou: tuple[float | None, ...]
    image_iou: tuple[float, ...]
    samples: int
    scored: tuple[int, ...]


def segmentation_accuracy(
    predict: Callable[[Tensor], Any],
    batches: Iterable[tuple[Tensor, Sequence[Tensor], Sequence[tuple[int, int]]]],
    num_classes: int,
    logits: LogitsOf | None = None,
) -> SegmentationAccuracy:
    """Accuracy of ``predict``, which returns logits ``(N, num_classes, H, W)`` for images ``(N, 3, H, W)``.

    What it returns may hold them where `measure.logits` looks, or ``logits`` finds them there; they may be smaller than
    the image, of the same proportions, as of models that leave scaling to whoever shows the result.

    ``batches`` also hold the label map of each image, ``(h, w) int64`` in any size, and height and width of the part of
    the image that the map is of, from its upper left. Logits of that part are scaled to the map, and the highest class
    counts: accuracy is that of the map as it was drawn. Samples are counted from 0 in messages.
    """
    # Here, since it takes a second to import: only whoever scores a model pays.
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    total = torch.zeros((num_classes, num_classes), dtype=torch.int64)
    image_iou: list[float] = []
    scored: list[int] = []
    samples = 0
    for images, maps, frames in batches:
        found = _checked(logits_in(predict(images), OF_PIXELS, logits), images, len(maps), num_classes, samples)
        whole = (images.shape[2], images.shape[3])
        for one, wanted, frame in zip(found, maps, frames, strict=True):
            _check_map(wanted, num_classes, samples)
            # Of a whole image the logits are scaled once, from what the model returns; of a part it is cut first.
            part = one if frame == whole else _scaled(one, whole)[:, : frame[0], : frame[1]]
            scaled = _scaled(part, (wanted.shape[0], wanted.shape[1]))
            confusion = multiclass_confusion_matrix(
                scaled.argmax(dim=0), wanted, num_classes, ignore_index=IGNORED, validate_args=False
            )
            total += confusion
            mean = _mean(_ious(confusion))
            if mean is not None:
                image_iou.append(mean)
                scored.append(samples)
            samples += 1
    miou = _mean(_ious(total))
    if miou is None:
        raise MeasureError(f"accuracy of {samples} label maps without a pixel that counts: check the data")
    right = int(total.diagonal().sum()) / int(total.sum())
    return SegmentationAccuracy(miou, right, _ious(total), tuple(image_iou), samples, tuple(scored))


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


def _scaled(logits: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(logits.shape[1:]) == size:
        return logits
    return interpolate(logits[None], size=size, mode="bilinear", align_corners=False)[0]


def _checked(logits: Tensor, images: Tensor, count: int, num_classes: int, first: int) -> Tensor:
    """The logits as float32 on the CPU; ``first`` is the number of the batch's first sample."""
    shape = (count, num_classes, images.shape[2], images.shape[3])
    if tuple(logits.shape[:2]) != shape[:2] or not _alike(logits.shape[2:], shape[2:]):
        raise MeasureError(
            f"accuracy: the model returns logits of shape {tuple(logits.shape)} where {shape} are wanted: images, "
            "classes, height, width; build it with the number of classes of the data, and let it return logits of the "
            "image's size or of its proportions, or pass logits="
        )
    logits = logits.detach().to("cpu", torch.float32)
    finite = logits.isfinite().flatten(1).all(dim=1)
    if not finite.all():
        number = first + int(finite.logical_not().nonzero()[0])
        raise MeasureError(f"accuracy: the logits of sample {number} are not finite; check weights and precision")
    return logits


def _alike(size: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether ``size`` is ``wanted`` over one stride, up to rounding."""
    return any(
        all(abs(side * stride - whole) < stride for side, whole in zip(size, wanted, strict=True))
        for stride in range(1, _COARSEST + 1)
    )


def _check_map(wanted: Tensor, num_classes: int, number: int) -> None:
    strange = wanted[((wanted < 0) | (wanted >= num_classes)) & (wanted != IGNORED)]
    if len(strange):
        raise MeasureError(
            f"accuracy: the map of sample {number} has class {int(strange[0])}, and the classes go from 0 to "
            f"{num_classes - 1}; use data that matches the model"
        )
