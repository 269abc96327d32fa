"""How a model's own configuration says that images are to be prepared for it."""

from __future__ import annotations

from typing import Any

import timm.data

from pytest_modelbench.core.errors import UsageError, hide_own_frames
from pytest_modelbench.data.batches import InputFormat
from pytest_modelbench.data.photos import Transform
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.own_transform import WAYS

__tracebackhide__ = hide_own_frames


def transform_for(model: BuiltModel) -> Transform:
    """What a timm model is evaluated with at its case's image size: resize, crop, normalize, ``(3, H, W) float32``."""
    if not getattr(model.module, "pretrained_cfg", None):
        raise UsageError(
            f"{model.case.model} does not say how its images are to be prepared, as timm's models do with their "
            f"pretrained_cfg; pass transform=, {WAYS}: a wrong one costs accuracy without a sign"
        )
    size = {"input_size": (3, *model.image_size)}
    config: dict[str, Any] = timm.data.resolve_model_data_config(model.module, args=size)
    transform: Transform = timm.data.create_transform(**config, is_training=False)
    return transform


def classifier_input(model: BuiltModel) -> InputFormat:
    """What a timm classifier takes, by its own configuration; raises UsageError for a model that has none."""
    configuration = getattr(model.module, "pretrained_cfg", None)
    if not configuration:
        raise UsageError(
            f"{model.case.model} does not say what mean and deviation its images are to have, as timm's models do with "
            "their pretrained_cfg; give the module one: {'mean': (...), 'std': (...)}, or to modelbench.accuracy "
            f"transform=, {WAYS}"
        )
    return InputFormat(model.image_size, tuple(configuration["mean"]), tuple(configuration["std"]))
