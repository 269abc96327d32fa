"""What ``modelbench`` does about accuracy on data with objects and label maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_modelbench.bench.class_accuracy import check_size
from pytest_modelbench.bench.recorder import Record
from pytest_modelbench.bench.scoring import SCENES, Naming, Scored, check_classes, unfit
from pytest_modelbench.core.errors import DataUnavailableError, UsageError, hide_own_frames
from pytest_modelbench.core.observations import scores
from pytest_modelbench.core.sample_names import SampleNames, sample_name
from pytest_modelbench.data.batches import InputFormat, Placing, map_batches, object_batches
from pytest_modelbench.data.coco import coco_file, coco_objects
from pytest_modelbench.data.datasets import MapData, ObjectData
from pytest_modelbench.data.mask_folders import is_mask_folder, mask_folder
from pytest_modelbench.data.scenes import scene_maps, scene_objects
from pytest_modelbench.measure.detection_accuracy import AveragePrecision, DetectionAccuracy, detection_accuracy
from pytest_modelbench.measure.logits import LogitsOf
from pytest_modelbench.measure.segmentation_accuracy import SegmentationAccuracy, segmentation_accuracy
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.own_transform import OwnTransform

__tracebackhide__ = hide_own_frames


@dataclass(frozen=True, slots=True)
class Placed:
    """How images get to the size of a model, and the recipe of a test's own way."""

    place: Placing
    recipe: str = ""

    @classmethod
    def by(cls, model: BuiltModel, transform: object, what: str) -> Placed:
        """By ``transform``, which keeps whole images, so that ``what`` is in them stays where it is; or as is usual."""
        if transform is None:
            return cls(InputFormat(model.image_size))
        own = OwnTransform.of(transform)
        recipe = own.recipe()
        check_size(model, own)
        own.check_whole(what)
        return cls(own.place, recipe)


def record_detection_accuracy(
    model: BuiltModel,
    data: ObjectData | str | Path,
    given: str,
    record: Record,
    naming: Naming,
    *,
    transform: object = None,
    outputs: Callable[[Any], Any] | None = None,
) -> DetectionAccuracy:
    """Average precision of boxes and, for instance segmentation, of masks, recorded.

    ``data``: ``"scenes"``, a file in COCO's format or a folder laid out as COCO; by default ``given``, which is what
    --modelbench-data says. ``transform`` scales whole images to the model's size; ``outputs`` makes of what the model
    returns what it found in each image.
    """
    masks = model.case.task == "instance_segmentation"
    found = _objects(data, given, masks)
    if outputs is None:  # which may count them otherwise
        check_classes(model, len(found.classes), found.name)
    if masks and not found.has_masks:
        raise UsageError(f"{found.name} has boxes alone, and {model.case.id} makes masks; pass data with masks")
    placed = Placed.by(model, transform, "its objects")
    batches = object_batches(found, placed.place, model.case.batch_size)
    result = detection_accuracy(model.predict, batches, len(found.classes), masks=masks, outputs=outputs)
    figures = {"samples": result.samples, "objects": result.objects}
    scored = Scored(model, found, record, naming, placed.recipe, figures)
    for kind, precision in (("box", result.box), ("mask", result.mask)):
        for metric, value in _precisions(kind, precision).items():
            scored.record(metric, value)
    return result


def record_segmentation_accuracy(
    model: BuiltModel,
    data: MapData | str | Path,
    given: str,
    record: Record,
    naming: Naming,
    *,
    transform: object = None,
    logits: LogitsOf | None = None,
) -> SegmentationAccuracy:
    """Mean intersection over union and pixel accuracy, recorded.

    ``data``: ``"scenes"`` or a folder laid out as VOC or Cityscapes; by default ``given``, which is what
    --modelbench-data says. ``transform`` scales whole images to the model's size; ``logits`` finds
    ``(N, classes, H, W)`` in what the model returns.
    """
    found = _maps(data, given)
    if logits is None:  # which may leave some of them out
        check_classes(model, len(found.classes), found.name)
    placed = Placed.by(model, transform, "its pixels")
    batches = map_batches(found, placed.place, model.case.batch_size)
    result = segmentation_accuracy(model.predict, batches, len(found.classes), logits)
    scored = Scored(model, found, record, naming, placed.recipe, {"samples": result.samples})
    # The intersection over union within each image; the one over all images is another mean.
    by_number = not found.sample_names and len(result.scored) == result.samples
    names = [] if by_number else [sample_name(found.sample_names, number) for number in result.scored]
    scored.record("miou", result.miou, scores(result.image_iou), SampleNames.of(names))
    scored.record("pixel_accuracy", result.pixel_accuracy)
    return result


def _objects(data: ObjectData | str | Path, given: str, masks: bool) -> ObjectData:
    if isinstance(data, ObjectData):
        return data
    if data == SCENES:
        return scene_objects()
    if not (data or given):
        raise DataUnavailableError("no images with objects: give a file in COCO's format with --modelbench-data FILE")
    path = coco_file(data or given)
    if path is None:
        raise unfit(data, given, "no COCO file: neither annotations/instances_*.json nor another .json file")
    return coco_objects(path, masks=masks)


def _maps(data: MapData | str | Path, given: str) -> MapData:
    if isinstance(data, MapData):
        return data
    if data == SCENES:
        return scene_maps()
    if not (data or given):
        raise DataUnavailableError("no label maps: give a folder as VOC's or Cityscapes' with --modelbench-data DIR")
    if not is_mask_folder(data or given):
        raise unfit(data, given, "no label maps: neither SegmentationClass (as Pascal VOC) nor gtFine (as Cityscapes)")
    return mask_folder(data or given)


def _precisions(kind: str, precision: AveragePrecision | None) -> dict[str, float]:
    """The records' values by metric."""
    if precision is None:
        return {}
    values = {"map": precision.map, "map50": precision.map50, "map75": precision.map75}
    return {f"{kind}_{name}": value for name, value in values.items()}
