"""Measures of the ``modelbench`` fixture that go by labelled data: accuracies, and a short training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_modelbench.bench.handed import of_built_model
from pytest_modelbench.bench.process import Bench
from pytest_modelbench.bench.recorder import Record
from pytest_modelbench.core.errors import hide_own_frames

if TYPE_CHECKING:
    import torch

    from pytest_modelbench.data.datasets import ClassData, MapData, ObjectData
    from pytest_modelbench.data.photos import LabelledImages
    from pytest_modelbench.measure.accuracy import Accuracy
    from pytest_modelbench.measure.detection_accuracy import DetectionAccuracy
    from pytest_modelbench.measure.segmentation_accuracy import SegmentationAccuracy
    from pytest_modelbench.models.built import BuiltModel
    from pytest_modelbench.models.fitting import Fit

__tracebackhide__ = hide_own_frames


class LabelledMeasures:
    """What `bench.modelbench.ModelBench` has for models with labelled data."""

    def __init__(self, bench: Bench, record: Record) -> None:
        self._bench = bench
        self._record = record

    @of_built_model
    def accuracy(
        self,
        model: BuiltModel,
        images: LabelledImages | ClassData | str | Path = "",
        *,
        transform: Any = None,
        logits: Callable[[Any], torch.Tensor] | None = None,
        classes: Sequence[str] | Mapping[str, int] | None = None,
        name: str = "",
        band: str | None = None,
    ) -> Accuracy:
        """Top-1 and top-5 of ``model`` on labelled images.

        ``images``: an ImageFolder tree or CIFAR's folder, by default that of --modelbench-data; ``"photos"``, the 20
        labelled ImageNet photos of the extra ``samples``; ``"digits"``, scikit-learn's; ``"scenes"``, generated ones.
        Raises DataUnavailableError, which skips the test, where there are none.

        ``transform``: from a PIL image to a tensor ``(C, H, W)``, or a transformers image processor; by default the
        preprocessing that a timm model's own configuration names. ``logits``: from what the model returns to
        ``(N, classes)``; by default a tensor, what is called ``logits``, or the first of a tuple. ``classes``: names of
        class folders in the order of the model's outputs, or the output of each folder; by default the model's own
        names, ImageNet's synsets, numbers, or as many folders in sorted order as there are outputs.
        """
        from pytest_modelbench.bench.class_accuracy import Reading, class_images, record_class_accuracy
        from pytest_modelbench.bench.scoring import Naming, located

        found = class_images(model, located(self._bench, images), self._bench.settings.data)
        reading = Reading(transform, logits, classes)
        with model.as_found():
            return record_class_accuracy(model, found, self._record, Naming(name, band), reading)

    @of_built_model
    def detection_accuracy(
        self,
        model: BuiltModel,
        data: ObjectData | str | Path = "",
        *,
        transform: Any = None,
        outputs: Callable[[Any], Any] | None = None,
        name: str = "",
        band: str | None = None,
    ) -> DetectionAccuracy:
        """Mean average precision of boxes, and of masks for instance segmentation: over 0.50:0.95, at 0.50, at 0.75.

        ``data``: ``"scenes"``, generated ones; a file in COCO's format or a folder laid out as COCO, by default that of
        --modelbench-data. Raises DataUnavailableError, which skips the test, where there is none.

        ``transform``: as of `accuracy`, scaling whole images to the model's size; by default they are from 0 to 1, in
        their proportions, in the upper left. ``outputs``: from what the model returns to a list with a dict of
        ``boxes`` (x1, y1, x2, y2 in pixels of the batch), ``labels`` (from 0), ``scores`` and ``masks`` for each image.
        """
        from pytest_modelbench.bench.scoring import Naming, located
        from pytest_modelbench.bench.task_accuracy import record_detection_accuracy

        data, given, naming = located(self._bench, data), self._bench.settings.data, Naming(name, band)
        with model.as_found():
            return record_detection_accuracy(
                model, data, given, self._record, naming, transform=transform, outputs=outputs
            )

    @of_built_model
    def segmentation_accuracy(
        self,
        model: BuiltModel,
        data: MapData | str | Path = "",
        *,
        transform: Any = None,
        logits: Callable[[Any], torch.Tensor] | None = None,
        name: str = "",
        band: str | None = None,
    ) -> SegmentationAccuracy:
        """Mean intersection over union, and the fraction of pixels told right.

        ``data``: ``"scenes"``, or a folder laid out as Pascal VOC or Cityscapes, by default that of --modelbench-data.
        Raises DataUnavailableError, which skips the test, where there is none.

        ``transform``: as of `detection_accuracy`. ``logits``: from what the model returns to ``(N, classes, H, W)``,
        which may be smaller than the image; by default a tensor, what is called ``logits`` or ``out``, or the first of
        a tuple.
        """
        from pytest_modelbench.bench.scoring import Naming, located
        from pytest_modelbench.bench.task_accuracy import record_segmentation_accuracy

        data, given, naming = located(self._bench, data), self._bench.settings.data, Naming(name, band)
        with model.as_found():
            return record_segmentation_accuracy(
                model, data, given, self._record, naming, transform=transform, logits=logits
            )

    @of_built_model
    def train_to_target(
        self,
        model: BuiltModel,
        data: tuple[ClassData, ClassData] | str | Path = "",
        *,
        name: str = "",
        band: str | None = None,
        **options: Any,
    ) -> Fit:
        """A short training from seed: its final accuracy, steps and seconds to the target, and points of its loss.

        ``data``: ``"digits"``, ``"scenes"`` or CIFAR's folder, by default that of --modelbench-data. ``options``:
        ``target`` (a fraction, or None for none), ``budget``, ``lr``, ``seed``, ``timed``; ``band`` is that of the
        final accuracies. A copy is trained: the model stays as it is.
        """
        from pytest_modelbench.bench.scoring import Naming, located
        from pytest_modelbench.bench.train_to_target import ShortTraining, class_pair, record_training

        pair = class_pair(located(self._bench, data), self._bench.settings.data)
        return record_training(model, pair, self._record, ShortTraining(**options), Naming(name, band))
