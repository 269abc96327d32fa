"""What ``modelbench`` does about accuracy: on data with classes, objects and label maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_modelbench.bench.recorder import Record
from pytest_modelbench.core.errors import DataUnavailableError, UsageError, hide_own_frames
from pytest_modelbench.core.measurement import Comparability, Figure, Measurement
from pytest_modelbench.core.observations import Observations, hits, scores
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
    _ = model.image_size  # it takes images
    if isinstance(images, (LabelledImages, ClassData)):
        return images
    named = images or given
    if not named:
        raise DataUnavailableError("no labelled images: give an ImageFolder tree with --modelbench-data DIR")
    if named == PHOTOS:
        photos = imagenet_photos()
        check_classes(model, photos.num_classes, photos.name)
        return photos
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


@dataclass(frozen=True, slots=True)
class Naming:
    """What the measurements of one call are called, ``<name>_<metric>`` or as the metric is, and their band."""

    name: str = ""
    band: str | None = None


def record_class_accuracy(
    model: BuiltModel, data: LabelledImages | ClassData, record: Record, naming: Naming
) -> Accuracy:
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
    scored = _Scored(model, data, record, naming)
    for k, fraction in result.top.items():
        scored.record(f"top{k}", fraction, {"samples": result.samples}, hits(result.hits[k]))
    return result


def record_detection_accuracy(
    model: BuiltModel, data: ObjectData | str | Path, given: str, record: Record, naming: Naming
) -> DetectionAccuracy:
    """Average precision of boxes and, for instance segmentation, of masks, recorded.

    ``data``: ``"scenes"``, a file in COCO's format or a folder laid out as COCO; by default ``given``, which is what
    --modelbench-data says.
    """
    masks = model.case.task == "instance_segmentation"
    found = _objects(data, given, masks)
    check_classes(model, len(found.classes), found.name)
    if masks and not found.has_masks:
        raise UsageError(f"{found.name} has boxes alone, and {model.case.id} makes masks; pass data with masks")
    takes = InputFormat(model.image_size)
    result = detection_accuracy(
        model.predict, object_batches(found, takes, model.case.batch_size), len(found.classes), masks=masks
    )
    figures = {"samples": result.samples, "objects": result.objects}
    scored = _Scored(model, found, record, naming)
    for kind, precision in (("box", result.box), ("mask", result.mask)):
        for metric, value in _precisions(kind, precision).items():
            scored.record(metric, value, figures)
    return result


def record_segmentation_accuracy(
    model: BuiltModel, data: MapData | str | Path, given: str, record: Record, naming: Naming
) -> SegmentationAccuracy:
    """Mean intersection over union and pixel accuracy, recorded.

    ``data``: ``"scenes"`` or a folder laid out as VOC or Cityscapes; by default ``given``, which is what
    --modelbench-data says.
    """
    found = _maps(data, given)
    check_classes(model, len(found.classes), found.name)
    takes = InputFormat(model.image_size)
    result = segmentation_accuracy(model.predict, map_batches(found, takes, model.case.batch_size), len(found.classes))
    scored = _Scored(model, found, record, naming)
    figures = {"samples": result.samples}
    # The intersection over union within each image; the one over all images is another mean.
    scored.record("miou", result.miou, figures, scores(result.image_iou))
    scored.record("pixel_accuracy", result.pixel_accuracy, figures)
    return result


def check_classes(model: BuiltModel, count: int, data: str) -> None:
    """Raise UsageError unless ``model`` takes images and tells as many classes apart as the data have."""
    _ = model.image_size
    if model.num_classes != count:
        raise UsageError(
            f"{model.case.id} tells {model.num_classes} classes apart, and {data} has {count}; build it with "
            f"num_classes={count}, or pass other data"
        )


@dataclass(frozen=True, slots=True)
class _Scored:
    """A model on data: what each of its figures is recorded with."""

    model: BuiltModel
    data: LabelledImages | ClassData | ObjectData | MapData
    hand_on: Record
    naming: Naming

    def record(
        self, metric: str, value: float, figures: Mapping[str, Figure], observations: Observations | None = None
    ) -> None:
        """Record one figure, under its own name or the one that was asked for."""
        data, name = self.data, self.naming.name
        measurement = Measurement.of(
            metric, value, replace(self.model.case, data=data.name), name and f"{name}_{metric}",
            comparability=Comparability(data=f"{data.name} {data.fingerprint}"), figures=figures,
            observations=observations,
        )  # fmt: skip
        self.hand_on(measurement, self.naming.band)


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
