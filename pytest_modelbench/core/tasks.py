"""What is agreed about the tasks of vision models, whoever builds, scores or lists one."""

from __future__ import annotations

from collections.abc import Mapping

#: Classes that a model of each task tells apart unless others are asked for: those of ImageNet, COCO (without a
#: background) and Cityscapes.
USUAL_CLASSES: Mapping[str, int] = {
    "classification": 1000,
    "detection": 80,
    "instance_segmentation": 80,
    "segmentation": 19,
}
#: Channels of a feature pyramid unless others are asked for: those of its own publication (arXiv 1612.03144).
USUAL_FPN_CHANNELS = 256
#: Label of pixels that belong to no class and do not count: Pascal VOC's and Cityscapes' own.
IGNORED = 255


def headed(head: str, backbone: str, fpn_channels: int | None = None) -> str:
    """What results call a model with ``head`` over ``backbone``: ``fcos_resnet50``, ``fcos_resnet50_fpn128``.

    A pyramid shows where it is not as wide as usual.
    """
    return f"{head}_{backbone}" + (f"_fpn{fpn_channels}" if fpn_channels not in (None, USUAL_FPN_CHANNELS) else "")
