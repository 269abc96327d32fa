"""How well a detector finds objects: mean average precision of boxes and masks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy
import torch
from torch import Tensor

from pytest_modelbench.core.errors import MeasureError, MissingExtraError, hide_own_frames
from pytest_modelbench.measure.logits import described

__tracebackhide__ = hide_own_frames

#: A pixel belongs to a mask that is given as probabilities above this, as torchvision's Mask R-CNN has it.
_IN_MASK = 0.5
#: COCO's, as pycocotools has them. The metric's own are rounded to float32: .6 becomes more than .6, and an overlap of
#: exactly that would be missed.
_OVERLAPS = [float(overlap) for overlap in numpy.linspace(0.5, 0.95, 10)]
_RECALLS = [float(recall) for recall in numpy.linspace(0.0, 1.0, 101)]
#: The metric computes in float32: further digits would be noise.
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """COCO's average precision as fractions: ``map`` over overlaps from .50 to .95, and at .50 and .75 alone."""

    map: float
    map50: float
    map75: float


@dataclass(frozen=True, slots=True)
class DetectionAccuracy:
    """Average precision of boxes and, where asked for, of masks, over ``samples`` images with ``objects`` in all."""

    box: AveragePrecision
    mask: AveragePrecision | None
    samples: int
    objects: int


def detection_accuracy(
    predict: Callable[[Tensor], Any],
    batches: Iterable[tuple[Tensor, Sequence[Mapping[str, Tensor]]]],
    num_classes: int,
    *,
    masks: bool = False,
    outputs: Callable[[Any], Any] | None = None,
) -> DetectionAccuracy:
    """Accuracy of ``predict``, which returns for images ``(N, 3, H, W)`` what it finds in each, or ``outputs`` does.

    Both findings and targets are mappings of ``boxes (K, 4)`` (x1, y1, x2, y2 in pixels) and ``labels (K,)`` from 0 to
    ``num_classes - 1``; findings also have ``scores (K,)``, targets may have ``iscrowd (K,)``; with ``masks`` both have
    ``masks``, ``(K, H, W)`` or ``(K, 1, H, W)``, bool or probabilities. Samples are counted from 0 in messages. Raises
    MissingExtraError without pycocotools.
    """
    if find_spec("pycocotools") is None:
        raise MissingExtraError("pycocotools", "detection")
    # Here, since it takes seconds to import: only whoever scores a detector pays.
    from torchmetrics.detection import MeanAveragePrecision

    kinds = ("bbox", "segm") if masks else ("bbox",)
    metric = MeanAveragePrecision(
        iou_type=kinds, iou_thresholds=_OVERLAPS, rec_thresholds=_RECALLS, backend="pycocotools"
    )
    # COCO counts the 100 findings of highest score, and a detector may well return more.
    metric.warn_on_many_detections = False
    samples = objects = 0
    for images, targets in batches:
        found = _found(predict(images), len(targets), outputs)
        size = (images.shape[2], images.shape[3])
        predictions, wanted = [], []
        for number, (one, target) in enumerate(zip(found, targets, strict=True), start=samples):
            predictions.append(_checked(one, num_classes, size, masks, f"sample {number}", scored=True))
            wanted.append(_checked(target, num_classes, size, masks, f"the data's sample {number}", scored=False))
        metric.update(predictions, wanted)
        samples += len(targets)
        objects += sum(len(target["labels"]) for target in wanted)
    if not objects:
        raise MeasureError(f"accuracy of a detector on {samples} images without any object in them: check the data")
    values = metric.compute()
    prefixes = ("bbox_", "segm_") if masks else ("",)
    precisions = [_precision(values, prefix) for prefix in prefixes]
    return DetectionAccuracy(precisions[0], precisions[1] if masks else None, samples, objects)


def _found(output: Any, count: int, outputs: Callable[[Any], Any] | None) -> Sequence[object]:
    """What is found in each of ``count`` images."""
    who, found = "the model", output
    if outputs is not None:
        try:
            who, found = "outputs=", outputs(output)
        except Exception as error:
            raise MeasureError(
                f"accuracy: outputs= fails on what the model returns, {described(output)}: {type(error).__name__}: "
                f"{error}"
            ) from error
    if not isinstance(found, Sequence) or len(found) != count:
        what = f"{len(found)} results" if isinstance(found, Sequence) else described(found)
        raise MeasureError(
            f"accuracy: {who} returns {what} for {count} images; a detector returns a list with one mapping of boxes "
            "(x1, y1, x2, y2 in pixels of the batch), labels (from 0) and scores for each. Pass outputs=, a function "
            "from what the model returns to that"
        )
    return found


def _precision(values: Mapping[str, Tensor], prefix: str) -> AveragePrecision:
    return AveragePrecision(*(round(values[f"{prefix}{key}"].item(), _DIGITS) for key in ("map", "map_50", "map_75")))


def _checked(
    one: object, num_classes: int, size: tuple[int, int], masks: bool, where: str, *, scored: bool
) -> dict[str, Tensor]:
    """Boxes and scores as float32, labels as int64 and masks as bool, on the CPU."""
    keys = ["boxes", "labels", *(["scores"] if scored else []), *(["masks"] if masks else [])]
    missing = [key for key in keys if not (isinstance(one, Mapping) and isinstance(one.get(key), Tensor))]
    if missing or not isinstance(one, Mapping):
        way = "; pass outputs= to make them of what the model returns" if scored else ""
        raise MeasureError(f"accuracy: {where} has no {' and no '.join(missing)}; it needs {', '.join(keys)}{way}")
    found = {key: one[key].detach().cpu() for key in keys}
    count = len(found["labels"])
    if tuple(found["boxes"].shape) != (count, 4) or found["labels"].ndim != 1:
        raise MeasureError(
            f"accuracy: {where} has boxes of shape {tuple(found['boxes'].shape)} and labels of shape "
            f"{tuple(found['labels'].shape)}; there must be four numbers of a box for each label"
        )
    if scored and tuple(found["scores"].shape) != (count,):
        raise MeasureError(
            f"accuracy: {where} has scores of shape {tuple(found['scores'].shape)} for {count} labels; there must be "
            "one for each"
        )
    for key in ("boxes", "scores") if scored else ("boxes",):
        found[key] = found[key].float()
        if not found[key].isfinite().all():
            raise MeasureError(f"accuracy: the {key} of {where} are not finite; check weights and precision")
    labels = found["labels"] = found["labels"].long()
    outside = labels[(labels < 0) | (labels >= num_classes)]
    if len(outside):
        raise MeasureError(
            f"accuracy: {where} has label {int(outside[0])}, and the classes go from 0 to {num_classes - 1}; count "
            "them from 0, without a background"
        )
    if masks:
        found["masks"] = _checked_masks(found["masks"], count, size, where)
    if not scored:
        found["iscrowd"] = one.get("iscrowd", torch.zeros_like(labels)).cpu()
    return found


def _checked_masks(masks: Tensor, count: int, size: tuple[int, int], where: str) -> Tensor:
    if masks.ndim == 4 and masks.shape[1] == 1:
        masks = masks[:, 0]
    if tuple(masks.shape) != (count, *size):
        raise MeasureError(
            f"accuracy: {where} has masks of shape {tuple(masks.shape)} for {count} labels in an image of "
            f"{size[0]}x{size[1]}; there must be one mask of the image's size for each"
        )
    if not masks.is_floating_point():
        return masks.bool()
    if not masks.isfinite().all():
        raise MeasureError(f"accuracy: the masks of {where} are not finite; check weights and precision")
    return masks > _IN_MASK
