"""Which tasks there are, and how a timm backbone is put to use in each. Libraries are imported when one is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pytest_modelbench.core.errors import UsageError, did_you_mean, hide_own_frames
from pytest_modelbench.models.options import CLASSIFICATION
from pytest_modelbench.models.sources import ModelSource

__tracebackhide__ = hide_own_frames

#: ``(backbone, image_size, pretrained, options)`` to a source.
TaskSource = Callable[[str, "tuple[int, int] | None", bool, Mapping[str, Any]], ModelSource]


def task_source(
    task: str, backbone: str, image_size: tuple[int, int] | None, pretrained: bool, options: Mapping[str, Any]
) -> ModelSource:
    """Source of a model for ``task`` over the timm model ``backbone``; UsageError for a task that is not known."""
    if task not in _TASKS:
        known = [CLASSIFICATION, *_TASKS]
        near = did_you_mean(task, known) if isinstance(task, str) else ""
        raise UsageError(f"task={task!r}: there are {', '.join(known)}.{near}")
    return _TASKS[task]()(backbone, image_size, pretrained, options)


def _detection() -> TaskSource:
    from pytest_modelbench.models.tasks.detection import detection_source

    return detection_source


def _instance_segmentation() -> TaskSource:
    from pytest_modelbench.models.tasks.detection import instance_segmentation_source

    return instance_segmentation_source


def _segmentation() -> TaskSource:
    from pytest_modelbench.models.tasks.segmentation import segmentation_source

    return segmentation_source


_TASKS: Mapping[str, Callable[[], TaskSource]] = {
    "detection": _detection,
    "instance_segmentation": _instance_segmentation,
    "segmentation": _segmentation,
}
