"""What every detector is made of, whatever its head: torchvision's, but for what would make its figures another's.

Images come as one batch in the size asked for (torchvision resizes to 800 x 1333 and copies image by image), padded to
the coarsest stride; boxes are float32 in every precision, since in bfloat16 a box beyond 256 pixels moves by pixels;
and labels count from 0, without a background class, whatever the head.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._pytree import tree_map_only
from torchvision.models.detection import FCOS
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import paste_masks_in_image
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import ExtraFPNBlock

from pytest_modelbench.core.errors import UsageError, hide_own_frames
from pytest_modelbench.models.tasks.pyramid import Normalization, Pyramid, last_levels, normalization, padded
from pytest_modelbench.models.timm_models import timm_source

__tracebackhide__ = hide_own_frames

#: Stride of the last map of nearly all backbones, and so what images are padded to.
_COARSEST = 32


@dataclass(frozen=True, slots=True)
class DetectorPlan:
    """What a detector is built over, and for how many classes; ``options`` go to timm.create_model."""

    backbone: str
    image_size: tuple[int, int]
    fpn_channels: int
    num_classes: int
    options: Mapping[str, Any]
    pretrained: bool = False


class Detector(nn.Module):
    """A detector of torchvision's that takes one batch ``(N, 3, H, W)`` in 0..1.

    Eval mode: for each image ``boxes`` ``(K, 4)`` in pixels x1 y1 x2 y2, ``labels`` ``(K,)`` from 0, ``scores``
    ``(K,)``, and ``masks`` ``(K, 1, H, W)`` in 0..1 where the head makes them. Train mode, with targets of the same
    names (masks ``(K, H, W)``): a mapping of losses. On the meta device, where boxes cannot be selected by value, the
    outputs of its dense part in both modes.
    """

    def __init__(self, network: nn.Module, num_classes: int) -> None:
        super().__init__()
        self.network = network
        self.num_classes = num_classes

    def forward(self, images: Tensor, targets: Sequence[Mapping[str, Tensor]] | None = None) -> Any:
        if images.is_meta:
            return self.dense(images)
        if not self.training:
            return self.network(images)
        if targets is None:
            raise UsageError("a detector in train mode needs targets: boxes and labels for each image")
        return self.network(images, targets)

    def dense(self, images: Tensor) -> Any:
        """Outputs of the head at every place of the pyramid."""
        network: Any = self.network
        batch, _ = network.transform(images, None)
        return network.head(list(network.backbone(batch.tensors).values()))

    def class_layer(self) -> tuple[nn.Module, int, int]:
        """The layer with outputs for each class, how many each has, and how many there are for a background."""
        head: Any = self.network.head.classification_head  # type: ignore[union-attr]
        return head.cls_logits, 1 if isinstance(self.network, FCOS) else head.num_anchors, 0


class PyramidBackbone(nn.Module):
    """Backbone and pyramid network: maps of ``out_channels`` channels, finest first, for torchvision's heads."""

    def __init__(self, pyramid: Pyramid, out_channels: int, extra: ExtraFPNBlock) -> None:
        super().__init__()
        self.pyramid = pyramid
        self.fpn = FeaturePyramidNetwork(list(pyramid.channels), out_channels, extra_blocks=extra)
        self.out_channels = out_channels

    def forward(self, images: Tensor) -> Any:
        maps = self.pyramid(images)
        return self.fpn(OrderedDict((str(index), tensor) for index, tensor in enumerate(maps)))


class Preparation(nn.Module):
    """In place of torchvision's transform: a whole batch normalized at once, padded, and never resized."""

    def __init__(self, normalize: Normalization, divisor: int) -> None:
        super().__init__()
        self.normalize = normalize
        self.divisor = divisor

    def forward(self, images: Tensor, targets: Any = None) -> tuple[Any, Any]:
        height, width = images.shape[-2:]
        full_height, full_width = padded((height, width), self.divisor)
        images = self.normalize(images)
        if (full_height, full_width) != (height, width):
            images = functional.pad(images, (0, full_width - width, 0, full_height - height))
        return ImageList(images, [(height, width)] * len(images)), targets

    def postprocess(self, found: list[dict[str, Tensor]], _: Any, sizes: list[tuple[int, int]]) -> Any:
        """What was found, with the masks of boxes laid into images of ``sizes``."""
        for one, size in zip(found, sizes, strict=False):
            if "masks" in one:
                one["masks"] = paste_masks_in_image(one["masks"], one["boxes"], size)
        return found


class Anchors(AnchorGenerator):  # type: ignore[misc]
    """Anchors in float32, where torchvision takes the type of the feature maps."""

    def forward(self, image_list: Any, feature_maps: list[Tensor]) -> Any:
        # Only shape and device are read: no memory behind them but one number.
        exact = [torch.empty((), device=tensor.device).expand(tensor.shape) for tensor in feature_maps]
        return super().forward(image_list, exact)


def float32_outputs(module: nn.Module) -> None:
    """From now on ``module`` returns float32: what is computed from it are boxes."""
    module.register_forward_hook(_as_float32)


def _as_float32(_: nn.Module, __: Any, output: Any) -> Any:
    return tree_map_only(Tensor, Tensor.float, output)


def pyramid_backbone(plan: DetectorPlan, levels: int, extra: ExtraFPNBlock) -> tuple[PyramidBackbone, Preparation]:
    """The backbone's last ``levels`` maps with their pyramid network, and what prepares images for it."""
    # Transformers are laid out for one size, the padded one, before it is known what their maps divide into: 32 for
    # nearly all, twice the patch for plain ones.
    size = padded(plan.image_size, _COARSEST)
    pyramid = last_levels(plan.backbone, levels, size, plan.pretrained, plan.options)
    divisor = math.lcm(_COARSEST, pyramid.strides[-1])
    if padded(plan.image_size, divisor) != size:
        raise UsageError(
            f"image_size={plan.image_size}: {plan.backbone} needs multiples of {divisor} as a detector; the next size "
            f"is {padded(plan.image_size, divisor)}"
        )
    body = PyramidBackbone(pyramid, plan.fpn_channels, extra)
    channels = timm_source(plan.backbone, size, False, plan.options).channels
    return body, Preparation(normalization(plan.backbone, channels), divisor)
