"""A timm backbone as feature maps at several scales, the same way for CNNs and transformers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any

import timm
import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.layers import LayerNorm2d
from torch import Tensor, nn

from pytest_modelbench.core.errors import BuildError, hide_own_frames
from pytest_modelbench.models.timm_models import timm_source

__tracebackhide__ = hide_own_frames

#: What constructors raise where a model has no feature maps, or not so many. Errors of a download are none of these.
_REFUSALS = (AssertionError, AttributeError, IndexError, KeyError, NotImplementedError, TypeError, ValueError)


class Normalization(nn.Module):
    """Images in 0..1 to what a backbone was trained on: ``(images - mean) / std`` for each channel."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        # Buffers, since a tensor made anew in each pass would have a GPU wait for the copy. Not saved in checkpoints.
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values).reshape(-1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return images.sub(self.mean).div_(self.std)


def normalization(name: str, channels: int) -> Normalization:
    """The normalization that the timm model ``name`` was trained with; its mean where it has other channels."""
    config = timm.get_pretrained_cfg(name)
    mean = tuple(getattr(config, "mean", None) or IMAGENET_DEFAULT_MEAN)
    std = tuple(getattr(config, "std", None) or IMAGENET_DEFAULT_STD)
    if channels != len(mean):
        mean, std = (fmean(mean),) * channels, (fmean(std),) * channels
    return Normalization(mean, std)


class Pyramid(nn.Module):
    """Feature maps ``(N, C, H, W)`` of a timm backbone, finest first.

    ``channels`` and ``strides`` say for each map how many channels it has and how many pixels a step in it spans.
    ``scales`` makes the maps out of the one that a plain transformer has.
    """

    # `model` is what segmentation_models_pytorch calls it in its encoders: weights saved there fit here.
    def __init__(self, model: nn.Module, scales: PlainScales | None = None) -> None:
        super().__init__()
        self.model = model
        self.scales = scales
        info: Any = model.feature_info
        self.channels: tuple[int, ...] = tuple(info.channels()) if scales is None else scales.channels
        self.strides: tuple[int, ...] = tuple(info.reduction()) if scales is None else scales.strides
        # timm says so for the models that keep channels last (swin); those that say nothing have them first.
        layout = getattr(model, "output_fmt", "NCHW")
        layout = str(getattr(layout, "value", layout))
        if layout not in ("NCHW", "NHWC"):
            raise BuildError(f"{type(model).__name__} gives its features as {layout}, no maps; take another model")
        self._channels_at_end = layout == "NHWC"

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = list(self.model(images))
        if self._channels_at_end:
            maps = [tensor.permute(0, 3, 1, 2) for tensor in maps]
        if self.scales is not None:
            maps = self.scales(maps[-1])
        return maps


class PlainScales(nn.Module):
    """Maps at 1/4, 1/2, 1 and 2 times the stride of one map, the last ``count`` of them.

    The simple feature pyramid of ViTDet (Li et al., arXiv 2203.16527, section 3): transposed convolutions up, a pool
    down. Its further convolutions are those of the pyramid network that follows.
    """

    def __init__(self, channels: int, stride: int, count: int) -> None:
        super().__init__()
        half, quarter = channels // 2, channels // 4
        scales = [
            nn.Sequential(
                nn.ConvTranspose2d(channels, half, 2, 2), LayerNorm2d(half), nn.GELU(),
                nn.ConvTranspose2d(half, quarter, 2, 2),
            ),
            nn.ConvTranspose2d(channels, half, 2, 2),
            nn.Identity(),
            nn.MaxPool2d(2, 2),
        ]  # fmt: skip
        self.scales = nn.ModuleList(scales[-count:])
        self.channels: tuple[int, ...] = (quarter, half, channels, channels)[-count:]
        self.strides: tuple[int, ...] = (stride // 4, stride // 2, stride, stride * 2)[-count:]

    def forward(self, features: Tensor) -> list[Tensor]:
        return [scale(features) for scale in self.scales]


def last_levels(
    name: str, count: int, image_size: tuple[int, int], pretrained: bool, options: Mapping[str, Any]
) -> Pyramid:
    """The last ``count`` maps of the timm model ``name``, each of twice the stride of the one before.

    A plain transformer has one scale only; its last map is brought to the others. Raises BuildError for a model
    without such maps.
    """
    model = feature_maps(name, tuple(range(-count, 0)), image_size, pretrained, options)
    strides = list(model.feature_info.reduction())
    if len(set(strides)) == 1:
        model = feature_maps(name, (-1,), image_size, pretrained, options)
        (channels,), (stride,) = model.feature_info.channels(), model.feature_info.reduction()
        return Pyramid(model, PlainScales(channels, stride, count))
    if any(coarse != 2 * fine for fine, coarse in pairwise(strides)):
        raise _no_pyramid(name, f"its last {count} maps have strides {strides}, which do not double")
    return Pyramid(model)


def feature_maps(
    name: str, indices: tuple[int, ...], image_size: tuple[int, int], pretrained: bool, options: Mapping[str, Any]
) -> Any:
    """timm's model ``name`` that returns the maps at ``indices``, counted from the end; BuildError if it has none."""
    own = {"features_only": True, "out_indices": indices}
    source = timm_source(name, image_size, pretrained, {**options, **own})
    try:
        return source.make()
    except (*_REFUSALS, RuntimeError) as error:
        # On the meta device a constructor may fail for want of values alone: then the model is built for real, and
        # fails again if it must. Other RuntimeErrors than timm's own have to do with the device.
        on_meta = torch.get_default_device().type == "meta"
        if on_meta or not (isinstance(error, _REFUSALS) or "features_only" in str(error)):
            raise
        raise _no_pyramid(name, f"{type(error).__name__}: {error}") from error


def padded(image_size: tuple[int, int], divisor: int) -> tuple[int, int]:
    """The next multiples of ``divisor``, from ``image_size`` up."""
    height, width = image_size
    return math.ceil(height / divisor) * divisor, math.ceil(width / divisor) * divisor


def _no_pyramid(name: str, reason: str) -> BuildError:
    return BuildError(
        f"{name} cannot be built as a backbone with feature maps ({reason}); check the arguments that are passed on to "
        "timm, or take a model with maps at several scales, as resnet50 and swin_tiny_patch4_window7_224, or a plain "
        "transformer, as vit_base_patch16_224"
    )
