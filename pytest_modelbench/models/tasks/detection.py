"""Detectors over a feature pyramid of any timm backbone: FCOS and RetinaNet here, those with region heads in `region`.

They are torchvision's, but for what would make their figures those of something else: images come as one batch in the
size asked for (torchvision resizes to 800 x 1333 and copies image by image), padded to the coarsest stride; boxes are
float32 in every precision, since in bfloat16 a box beyond 256 pixels moves by pixels; and labels count from 0, without
a background class, whatever the head.

With untrained weights hardly a box passes the score thresholds, so that their selection costs next to nothing.
"""

from __future__ import annotations

import functools
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._pytree import tree_map_only
from torchvision.models.detection import FCOS, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import paste_masks_in_image
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import ExtraFPNBlock, LastLevelP6P7

from pytest_modelbench.core.errors import UsageError, hide_own_frames
from pytest_modelbench.models.sources import Source, timm_source
from pytest_modelbench.models.tasks.options import backbone_options, take_count, take_head
from pytest_modelbench.models.tasks.pyramid import Normalization, Pyramid, last_levels, normalization, padded
from pytest_modelbench.models.tasks.targets import box_targets

__tracebackhide__ = hide_own_frames

#: Side of the square images that detectors are published for.
IMAGE_SIZE = (640, 640)
#: Classes of COCO, without a background.
NUM_CLASSES = 80
#: Channels of the pyramid, as in the papers.
FPN_CHANNELS = 256
#: Stride of the last map of nearly all backbones, and so what images are padded to.
_COARSEST = 32
#: Groups of the normalization in FCOS's head, which the channels have to divide into (torchvision's FCOSHead).
_FCOS_GROUPS = 32


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


def detection_source(
    backbone: str, image_size: tuple[int, int] | None, pretrained: bool, options: Mapping[str, Any]
) -> Source:
    """Source of a detector over the timm model ``backbone``.

    ``options``: ``head`` (fcos, retinanet, faster_rcnn), ``fpn_channels`` (256), ``num_classes`` (80); all others go to
    timm.create_model.
    """
    return _source("detection", _HEADS, backbone, image_size, pretrained, options, masks=False)


def instance_segmentation_source(
    backbone: str, image_size: tuple[int, int] | None, pretrained: bool, options: Mapping[str, Any]
) -> Source:
    """Source of a detector with masks; as `detection_source`, with ``head`` mask_rcnn."""
    return _source("instance_segmentation", _MASK_HEADS, backbone, image_size, pretrained, options, masks=True)


def _source(
    task: str, heads: Mapping[str, Callable[..., Detector]], backbone: str, image_size: tuple[int, int] | None,
    pretrained: bool, options: Mapping[str, Any], masks: bool,
) -> Source:  # fmt: skip
    options = backbone_options(options)
    head = take_head(task, heads, options)
    fpn_channels = take_count("fpn_channels", FPN_CHANNELS, options)
    if head == "fcos" and fpn_channels % _FCOS_GROUPS:
        raise UsageError(f"fpn_channels={fpn_channels}: fcos normalizes in groups; write a multiple of {_FCOS_GROUPS}")
    num_classes = take_count("num_classes", NUM_CLASSES, options)
    image_size = image_size or IMAGE_SIZE
    channels = timm_source(backbone, image_size, False, options).channels
    make = functools.partial(
        heads[head], backbone, image_size, fpn_channels=fpn_channels, num_classes=num_classes, options=options
    )
    return Source(
        f"{head}_{backbone}" + (f"_fpn{fpn_channels}" if fpn_channels != FPN_CHANNELS else ""),
        channels,
        image_size,
        functools.partial(make, pretrained=pretrained),
        functools.partial(make, pretrained=False),
        functools.partial(box_targets, num_classes, masks),
    )


def _fcos(backbone: str, image_size: tuple[int, int], fpn_channels: int, num_classes: int, **built: Any) -> Detector:
    body, prepare = pyramid_backbone(backbone, image_size, 3, fpn_channels, _p6_p7(fpn_channels), **built)
    strides = _with_p6_p7(body.pyramid.strides)
    anchors = Anchors(tuple((stride,) for stride in strides), ((1.0,),) * len(strides))
    network = FCOS(body, num_classes, anchor_generator=anchors)
    return _one_stage(network, prepare, num_classes)


def _retinanet(
    backbone: str, image_size: tuple[int, int], fpn_channels: int, num_classes: int, **built: Any
) -> Detector:
    body, prepare = pyramid_backbone(backbone, image_size, 3, fpn_channels, _p6_p7(fpn_channels), **built)
    # Sizes and ratios of the RetinaNet paper (arXiv 1708.02002, section 4), rounded as torchvision does.
    sizes = tuple(
        tuple(int(4 * stride * 2 ** (step / 3)) for step in range(3)) for stride in _with_p6_p7(body.pyramid.strides)
    )
    network = RetinaNet(body, num_classes, anchor_generator=Anchors(sizes, ((0.5, 1.0, 2.0),) * len(sizes)))
    return _one_stage(network, prepare, num_classes)


def _one_stage(network: Any, prepare: Preparation, num_classes: int) -> Detector:
    network.transform = prepare
    float32_outputs(network.head)
    return Detector(network, num_classes)


def _faster_rcnn(*args: Any, **options: Any) -> Detector:
    from pytest_modelbench.models.tasks.region import region_detector

    return region_detector(*args, **options, masks=False)


def _mask_rcnn(*args: Any, **options: Any) -> Detector:
    from pytest_modelbench.models.tasks.region import region_detector

    return region_detector(*args, **options, masks=True)


#: The first of each is the default.
_HEADS: Mapping[str, Callable[..., Detector]] = {"fcos": _fcos, "retinanet": _retinanet, "faster_rcnn": _faster_rcnn}
_MASK_HEADS: Mapping[str, Callable[..., Detector]] = {"mask_rcnn": _mask_rcnn}


def pyramid_backbone(
    backbone: str, image_size: tuple[int, int], levels: int, fpn_channels: int, extra: ExtraFPNBlock, *,
    options: Mapping[str, Any], pretrained: bool,
) -> tuple[PyramidBackbone, Preparation]:  # fmt: skip
    """The backbone with its pyramid network, and what prepares images for it."""
    # Transformers are laid out for one size, the padded one, before it is known what their maps divide into: 32 for
    # nearly all, twice the patch for plain ones.
    size = padded(image_size, _COARSEST)
    pyramid = last_levels(backbone, levels, size, pretrained, options)
    divisor = math.lcm(_COARSEST, pyramid.strides[-1])
    if padded(image_size, divisor) != size:
        raise UsageError(
            f"image_size={image_size}: {backbone} needs multiples of {divisor} as a detector; the next size is "
            f"{padded(image_size, divisor)}"
        )
    body = PyramidBackbone(pyramid, fpn_channels, extra)
    channels = timm_source(backbone, size, False, options).channels
    return body, Preparation(normalization(backbone, channels), divisor)


def _p6_p7(channels: int) -> ExtraFPNBlock:
    """Two more maps, from the pyramid's last one, as torchvision's FCOS and RetinaNet have them."""
    return LastLevelP6P7(channels, channels)


def _with_p6_p7(strides: tuple[int, ...]) -> tuple[int, ...]:
    return (*strides, 2 * strides[-1], 4 * strides[-1])
