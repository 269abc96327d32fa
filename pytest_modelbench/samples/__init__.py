"""Small trained models that come with the package: one for each task, trained on generated scenes.

Their weights and what they reach are files beside this one; `train` makes both. Nothing heavy is imported here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pytest_modelbench.core.errors import BuildError, UsageError, did_you_mean, hide_own_frames

__tracebackhide__ = hide_own_frames

#: ``checkpoint="scenes"`` loads these weights.
SCENES = "scenes"
_FOLDER = Path(__file__).parent
FIGURES = _FOLDER / "figures.json"
_IMAGE_SIZE = 96


@dataclass(frozen=True, slots=True)
class SampleModel:
    """A trained model: what to build it with, and the least that it is to reach on held-out scenes.

    ``arguments`` are those of `models.build.build`, ``model`` is its first.
    """

    task: str
    model: str
    arguments: Mapping[str, Any]
    figure: str  #: the metric that counts
    at_least: float

    @property
    def checkpoint(self) -> Path:
        """Where its weights are, whether they are there or not."""
        return _FOLDER / f"{self.task}.safetensors"


def _sample(task: str, model: str, figure: str, at_least: float, **arguments: Any) -> SampleModel:
    arguments |= {"task": task, "image_size": _IMAGE_SIZE}
    return SampleModel(task, model, MappingProxyType(arguments), figure, at_least)


#: By task. A pyramid of 64 channels is as wide as the weights may be: all of them together have to stay below 8 MB.
SAMPLE_MODELS: Mapping[str, SampleModel] = {
    sample.task: sample
    for sample in (
        _sample("classification", "test_resnet", "top1", 0.97, num_classes=5),
        _sample("detection", "test_resnet", "box_map", 0.80, head="fcos", fpn_channels=64, num_classes=5),
        _sample(
            "instance_segmentation", "pytest_modelbench.samples.small_mask_rcnn:small_mask_rcnn", "mask_map", 0.80,
            name="small_mask_rcnn", num_classes=5,
        ),
        _sample("segmentation", "test_resnet", "miou", 0.85, head="deeplabv3plus", num_classes=6),
    )
}  # fmt: skip


def sample_model(task: str) -> SampleModel:
    """The sample model for ``task``; raises UsageError if there is none."""
    if task not in SAMPLE_MODELS:
        near = did_you_mean(task, SAMPLE_MODELS) if isinstance(task, str) else ""
        raise UsageError(f"there is no sample model for task {task!r}; there are {', '.join(SAMPLE_MODELS)}.{near}")
    return SAMPLE_MODELS[task]


def sample_checkpoint(task: str) -> Path:
    """The file with the trained weights for ``task``; UsageError for a task without, BuildError without the file."""
    path = sample_model(task).checkpoint
    if not path.is_file():
        raise BuildError(
            f"the weights {path} are not there; reinstall pytest-modelbench, or train them: "
            "python -m pytest_modelbench.samples.train"
        )
    return path


def sample_figures() -> Mapping[str, Mapping[str, Any]]:
    """What the sample models reach on held-out scenes, by task, as `train` wrote it down."""
    figures: Mapping[str, Mapping[str, Any]] = json.loads(FIGURES.read_text(encoding="utf-8"))["models"]
    return figures
