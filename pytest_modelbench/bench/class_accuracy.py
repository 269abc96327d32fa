"""What ``modelbench.accuracy`` does: a classifier on labelled images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from pytest_modelbench.bench.recorder import Record
from pytest_modelbench.bench.scoring import DIGITS, PHOTOS, SCENES, Naming, Scored, check_classes, unfit
from pytest_modelbench.core.errors import DataUnavailableError, UsageError, hide_own_frames
from pytest_modelbench.core.measurement import Figure
from pytest_modelbench.core.observations import hits
from pytest_modelbench.core.sample_names import SampleNames
from pytest_modelbench.data.batches import class_batches
from pytest_modelbench.data.cifar import cifar, is_cifar
from pytest_modelbench.data.coco import is_coco
from pytest_modelbench.data.datasets import ClassData
from pytest_modelbench.data.digits import digits
from pytest_modelbench.data.folders import ClassFolders, class_folders
from pytest_modelbench.data.images import open_image, picture_of
from pytest_modelbench.data.labelling import Classes, Outputs
from pytest_modelbench.data.mask_folders import is_mask_folder
from pytest_modelbench.data.photos import LabelledImages, imagenet_photos, labels_in_batches, prepared
from pytest_modelbench.data.scenes import scene_classes
from pytest_modelbench.measure.accuracy import Accuracy, classification_accuracy
from pytest_modelbench.measure.logits import OF_CLASSES, LogitsOf, logits_in
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.labels import class_places, stated_classes
from pytest_modelbench.models.own_transform import OwnTransform
from pytest_modelbench.models.preprocessing import classifier_input, transform_for

__tracebackhide__ = hide_own_frames

ClassImages = LabelledImages | ClassData | ClassFolders


@dataclass(frozen=True, slots=True)
class Reading:
    """How images go into a classifier, and what its output says; what is None is found out.

    ``transform``: what prepares an image; ``logits``: from what the model returns to ``(N, classes)``; ``classes``:
    which of them stands for which class folder.
    """

    transform: Any = None
    logits: LogitsOf | None = None
    classes: Classes | None = None


def class_images(model: BuiltModel, images: ClassImages | str | Path, given: str) -> ClassImages:
    """The images to tell accuracy on, labelled or in class folders.

    ``images``: ``"photos"``, ``"scenes"``, ``"digits"``, CIFAR's folder or one with a folder per class; by default
    ``given``, which is what --modelbench-data says.
    """
    _ = model.image_size  # it takes images
    if isinstance(images, (LabelledImages, ClassData, ClassFolders)):
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
        tells = stated_classes(model.module)
        if not images and tells not in (None, test.num_classes):
            raise DataUnavailableError(
                f"--modelbench-data={given} holds {test.name} of {test.num_classes} classes, and {model.case.id} tells "
                f"{tells} apart; give an ImageFolder tree of those"
            )
        return test
    if not images and (is_coco(named) or is_mask_folder(named)):
        raise unfit(images, given, "no folder per class: it is laid out as COCO, Pascal VOC or Cityscapes")
    return class_folders(named)


def ranks_told(num_classes: int) -> tuple[int, ...]:
    """Which top-k are told of so many classes: of five, all are among the five highest."""
    return (1, 5) if num_classes > 5 else (1,)


def record_class_accuracy(
    model: BuiltModel, found: ClassImages, record: Record, naming: Naming, reading: Reading | None = None
) -> Accuracy:
    """Top-1 and, of more than five classes, top-5 of a classifier on ``found``, recorded.

    Images are prepared by the ``transform`` of ``reading``. Without one, files go through the whole preprocessing that
    a timm model's configuration names, and images in memory, which are of one size, are scaled and normalized alone.
    """
    reading = reading or Reading()
    own = None if reading.transform is None else OwnTransform.of(reading.transform)
    recipe = "" if own is None else own.recipe()
    if own is not None:
        check_size(model, own)
    tells = _classes_told(model, found, own, reading.logits)
    data, by = _labelled(model, found, reading.classes, tells)
    check_classes(model, data.num_classes, data.name, tells)
    told = ranks_told(tells)
    samples = zip(_batches(model, data, own), labels_in_batches(data.labels, model.case.batch_size), strict=True)
    result = classification_accuracy(model.predict, samples, tells, told, reading.logits)
    figures: dict[str, Figure] = {"samples": result.samples, **({"classes": by} if by else {})}
    scored = Scored(model, data, record, naming, recipe, figures)
    names = None if isinstance(data, ClassData) else SampleNames.of(data.sample_names)
    for k, fraction in result.top.items():
        scored.record(f"top{k}", fraction, hits(result.hits[k]), names)
    return result


def check_size(model: BuiltModel, own: OwnTransform) -> None:
    """Raise UsageError for a transform that makes images of another size than ``model`` was built for."""
    (height, width), (tall, wide) = own.size(), model.image_size
    if (height, width) != (tall, wide):
        size = f"{height}" if height == width else f"({height}, {width})"
        raise UsageError(
            f"transform= makes {height}x{width} of an image of 480x640, and {model.case.id} is built for "
            f"{tall}x{wide}; build it with image_size={size}, or let the transform make {tall}x{wide} of every image"
        )


def _classes_told(model: BuiltModel, found: ClassImages, own: OwnTransform | None, logits: LogitsOf | None) -> int:
    """How many classes the logits are of: as the module says; where it does not, or a test picks, by its output."""
    stated = None if logits else stated_classes(model.module)
    if stated is not None:
        return stated
    first = next(_batches(model, found, own), None)
    if first is None:
        raise UsageError("there are no images to tell accuracy on; check the data")
    return logits_in(model.predict(first), OF_CLASSES, logits).shape[1]


def _labelled(
    model: BuiltModel, found: ClassImages, classes: Classes | None, tells: int
) -> tuple[LabelledImages | ClassData, str]:
    """The images with their labels, and for folders by what it is known which output stands for which."""
    if isinstance(found, ClassFolders):
        by = found.labelling(Outputs(tells, class_places(model.module)), classes)
        return found.labelled(by), by.by
    if classes is not None:
        raise UsageError(f"classes= is for images in class folders, and those of {found.name} have labels already")
    return found, ""


def _batches(model: BuiltModel, data: ClassImages, own: OwnTransform | None) -> Iterator[Tensor]:
    """The images ``(N, 3, H, W) float32`` as the model takes them, in order."""
    size = model.case.batch_size
    if not isinstance(data, ClassData):
        pictures = (open_image(path, "RGB") for path in data.paths)
        return prepared(pictures, own or transform_for(model), size)
    if own is not None:
        return prepared(map(picture_of, data.images), own, size)
    return (images for images, _ in class_batches(data, classifier_input(model), size))
