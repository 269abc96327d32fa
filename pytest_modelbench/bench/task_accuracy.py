"""What ``modelbench`` does about accuracy: on data with classes, objects and label maps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pytest_modelbench.bench.recorder import RecordMetric
from pytest_modelbench.core.errors import DataUnavailableError, UsageError, hide_own_frames
from pytest_modelbench.core.observations import hits, scores
from pytest_modelbench.data.batches import (
    InputFormat,
    class_batches,
    map_batches,
    object_batches,
)
from pytest_modelbench.data.cifar import cifar, is_cifar
from pytest_modelbench.data.coco import coco_file, coco_objects, is_coco
from pytest_modelbench.data.datasets import ClassData, MapData, ObjectData
from pytest_modelbench.data.digits import digits
from pytest_modelbench.data.folders import image_folder
from pytest_modelbench.data.mask_folders import is_mask_folder, mask_folder
from pytest_modelbench.data.photos import LabelledImages, batches, imagenet_photos
from pytest_modelbench.data.scenes import scene_classes, scene_maps, scene_objects
from pytest_modelbench.measure.accuracy import Accuracy, classification_accuracy
from pytest_modelbench.measure.detection_accuracy import AveragePrecision, DetectionAccuracy, detection_accuracy
from pytest_modelbench.measure.segmentation_accuracy import SegmentationAccuracy, segmentation_accuracy
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.preprocessing import classifier_input, transform_for

__tracebackhide__ = hide_own_frames

SCENES, DIGITS, PHOTOS = "scenes", "digits", "photos"


def class_images(
    model: BuiltModel, images: LabelledImages | ClassData | str | Path, given: str
) -> LabelledImages | ClassData:
    """The labelled images to tell accuracy on.

    ``images``: ``"photos"``, ``"scenes"``, ``"digits"``, CIFAR's folder or one with a folder per class; by default
    ``given``, which is what --modelbench-data says.
    """
    if isinstance(images, (LabelledImages, ClassData)):
        return images
    named = images or given
    if not named:
        raise DataUnavailableError("no labelled images: give an ImageFolder tree with --modelbench-data DIR")
    if named == PHOTOS:
        return imagenet_photos()
    if named == SCENES:
        return scene_classes()
    if named == DIGITS:
        return digits()[1]
    if is_cifar(named):
        _, test = cifar(named)
        if not images and test.num_classes != model.num_classes:
            raise DataUnavailableError(
                f"--modelbench-data={given} holds {test.name} of {test.num_classes} classes, and {model.case.id} tells "
                f"{model.num_classes} apart; give an ImageFolder tree of those"
            )
        return test
    if not images and (is_coco(named) or is_mask_folder(named)):
        raise _unfit(images, given, "no folder per class: it is laid out as COCO, Pascal VOC or Cityscapes")
    return image_folder(named, model.num_classes)


def ranks_told(num_classes: int) -> tuple[int, ...]:
    """Which top-k are told of so many classes: of five, all are among the five highest."""
    return (1, 5) if num_classes > 5 else (1,)


def record_class_accuracy(
    model: BuiltModel, data: LabelledImages | ClassData, record: RecordMetric, *, name: str = "",
    band: str | None = None,
) -> Accuracy:  # fmt: skip
    """Top-1 and, of more than five classes, top-5 of a timm classifier on ``data``, recorded.

    Files go through the whole preprocessing that the model's configuration names; images in memory, which are of one
    size, are scaled and normalized alone.
    """
    if isinstance(data, ClassData):
        check_classes(model, data.num_classes, data.name)
        samples = class_batches(data, classifier_input(model), model.case.batch_size)
    else:
        samples = batches(data, transform_for(model), model.case.batch_size)
    told = ranks_told(model.num_classes)
    result = classification_accuracy(model.predict, samples, model.num_classes, top_k=told)
    figure = _figures_of(model, data, record, name, band)
    for k, fraction in result.top.items():
        figure(f"top{k}", fraction, {"samples": result.samples}, hits(result.hits[k]))
    return result


def record_detection_accuracy(
    model: BuiltModel, data: ObjectData | str | Path, given: str, record: RecordMetric, *, name: str = "",
    band: str | None = None,
) -> DetectionAccuracy:  # fmt: skip
    """Average precision of boxes and, for instance segmentation, of masks, recorded.

    ``data``: ``"scenes"``, a file in COCO's format or a folder laid out as COCO; by default ``given``, which is what
    --modelbench-data says.
    """
    masks = model.case.task == "instance_segmentation"
    found = _objects(data, given, masks)
    check_classes(model, len(found.classes), found.name)
    if masks and not found.has_masks:
        raise UsageError(f"{found.name} has boxes alone, and {model.case.id} makes masks; pass data with masks")
    takes = InputFormat(model.case.image_size)
    result = detection_accuracy(
        model.predict, object_batches(found, takes, model.case.batch_size), len(found.classes), masks=masks
    )
    details = {"samples": result.samples, "objects": result.objects}
    figure = _figures_of(model, found, record, name, band)
    for kind, precision in (("box", result.box), ("mask", result.mask)):
        for metric, value in _precisions(kind, precision).items():
            figure(metric, value, details)
    return result


def record_segmentation_accuracy(
    model: BuiltModel, data: MapData | str | Path, given: str, record: RecordMetric, *, name: str = "",
    band: str | None = None,
) -> SegmentationAccuracy:  # fmt: skip
    """Mean intersection over union and pixel accuracy, recorded.

    ``data``: ``"scenes"`` or a folder laid out as VOC or Cityscapes; by default ``given``, which is what
    --modelbench-data says.
    """
    found = _maps(data, given)
    check_classes(model, len(found.classes), found.name)
    takes = InputFormat(model.case.image_size)
    result = segmentation_accuracy(model.predict, map_batches(found, takes, model.case.batch_size), len(found.classes))
    figure = _figures_of(model, found, record, name, band)
    details = {"samples": result.samples}
    # The intersection over union within each image; the one over all images is another mean.
    figure("miou", result.miou, details, scores(result.image_iou))
    figure("pixel_accuracy", result.pixel_accuracy, details)
    return result


def check_classes(model: BuiltModel, count: int, data: str) -> None:
    """Raise UsageError unless ``model`` tells as many classes apart as the data have."""
    if model.num_classes != count:
        raise UsageError(
            f"{model.case.id} tells {model.num_classes} classes apart, and {data} has {count}; build it with "
            f"num_classes={count}, or pass other data"
        )


class _RecordFigure(Protocol):
    """Hands on one figure of a model on data."""

    def __call__(self, metric: str, value: float, details: Mapping[str, Any], evidence: str = "") -> None: ...


def _figures_of(
    model: BuiltModel, data: LabelledImages | ClassData | ObjectData | MapData, record: RecordMetric, name: str,
    band: str | None,
) -> _RecordFigure:  # fmt: skip
    """``record`` for figures of ``model`` on ``data``, which name both."""

    def figure(metric: str, value: float, details: Mapping[str, Any], evidence: str = "") -> None:
        record(
            metric, value, f"{model.case.id}-{data.name}", name and f"{name}_{metric}", band,
            basis=f"{data.name} {data.fingerprint}", details=details, evidence=evidence,
        )  # fmt: skip

    return figure


def _objects(data: ObjectData | str | Path, given: str, masks: bool) -> ObjectData:
    if isinstance(data, ObjectData):
        return data
    if data == SCENES:
        return scene_objects()
    if not (data or given):
        raise DataUnavailableError("no images with objects: give a file in COCO's format with --modelbench-data FILE")
    path = coco_file(data or given)
    if path is None:
        raise _unfit(data, given, "no COCO file: neither annotations/instances_*.json nor another .json file")
    return coco_objects(path, masks=masks)


def _maps(data: MapData | str | Path, given: str) -> MapData:
    if isinstance(data, MapData):
        return data
    if data == SCENES:
        return scene_maps()
    if not (data or given):
        raise DataUnavailableError("no label maps: give a folder as VOC's or Cityscapes' with --modelbench-data DIR")
    if not is_mask_folder(data or given):
        raise _unfit(data, given, "no label maps: neither SegmentationClass (as Pascal VOC) nor gtFine (as Cityscapes)")
    return mask_folder(data or given)


def _unfit(data: str | Path, given: str, lacks: str) -> UsageError | DataUnavailableError:
    """What a path that holds other data means: a mistake where the test names it, and no more than that where the
    session does, whose one path cannot suit every task."""
    path = Path(data or given)
    if not path.exists():
        return UsageError(f"there is no {path}: correct the path of the data")
    if data:
        return UsageError(f"{path} holds {lacks}; pass the folder that does")
    return DataUnavailableError(f"--modelbench-data={path} holds {lacks}; give one that does")


def _precisions(kind: str, precision: AveragePrecision | None) -> dict[str, float]:
    """The records' values by metric."""
    if precision is None:
        return {}
    values = {"map": precision.map, "map50": precision.map50, "map75": precision.map75}
    return {f"{kind}_{name}": value for name, value in values.items()}
