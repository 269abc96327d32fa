"""Detectors over a feature pyramid of any timm backbone, by task and head; those in two stages are in `region`.

With untrained weights hardly a box passes the score thresholds, so that their selection costs next to nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torchvision.models.detection import FCOS, RetinaNet
from torchvision.ops.feature_pyramid_network import ExtraFPNBlock, LastLevelP6P7

from pytest_modelbench.core.errors import UsageError, hide_own_frames
from pytest_modelbench.core.tasks import USUAL_CLASSES, USUAL_FPN_CHANNELS, headed
from pytest_modelbench.models.sources import ModelSource
from pytest_modelbench.models.tasks.detector import (
    Anchors,
    Detector,
    DetectorPlan,
    Preparation,
    float32_outputs,
    pyramid_backbone,
)
from pytest_modelbench.models.tasks.options import backbone_options, take_count, take_head
from pytest_modelbench.models.tasks.region import region_detector
from pytest_modelbench.models.tasks.targets import box_targets
from pytest_modelbench.models.timm_models import timm_source

__tracebackhide__ = hide_own_frames

#: Side of the square images that detectors are published for.
IMAGE_SIZE = (640, 640)
#: Groups of the normalization in FCOS's head, which the channels have to divide into (torchvision's FCOSHead).
_FCOS_GROUPS = 32
#: Maps of the backbone that a pyramid of one stage stands on; two more are made from the last (`_p6_p7`).
_LEVELS = 3


@dataclass(frozen=True, slots=True)
class _DetectionTask:
    """A task that detectors are for; the first of ``heads`` is the default, ``masks`` whether they make masks."""

    name: str
    heads: Mapping[str, Callable[[DetectorPlan], Detector]]
    masks: bool


def detection_source(
    backbone: str, image_size: tuple[int, int] | None, pretrained: bool, options: Mapping[str, Any]
) -> ModelSource:
    """Source of a detector over the timm model ``backbone``.

    ``options``: ``head`` (fcos, retinanet, faster_rcnn), ``fpn_channels`` (256), ``num_classes`` (80); all others go to
    timm.create_model.
    """
    return _source(_BOXES, backbone, image_size, pretrained, options)


def instance_segmentation_source(
    backbone: str, image_size: tuple[int, int] | None, pretrained: bool, options: Mapping[str, Any]
) -> ModelSource:
    """Source of a detector with masks; as `detection_source`, with ``head`` mask_rcnn."""
    return _source(_MASKS, backbone, image_size, pretrained, options)


def _source(
    task: _DetectionTask,
    backbone: str,
    image_size: tuple[int, int] | None,
    pretrained: bool,
    options: Mapping[str, Any],
) -> ModelSource:
    options = backbone_options(options)
    head = take_head(task.name, task.heads, options)
    fpn_channels = take_count("fpn_channels", USUAL_FPN_CHANNELS, options)
    if head == "fcos" and fpn_channels % _FCOS_GROUPS:
        raise UsageError(f"fpn_channels={fpn_channels}: fcos normalizes in groups; write a multiple of {_FCOS_GROUPS}")
    num_classes = take_count("num_classes", USUAL_CLASSES[task.name], options)
    plan = DetectorPlan(backbone, image_size or IMAGE_SIZE, fpn_channels, num_classes, options)
    return ModelSource(
        headed(head, backbone, fpn_channels),
        timm_source(backbone, plan.image_size, False, options).channels,
        plan.image_size,
        functools.partial(task.heads[head], replace(plan, pretrained=pretrained)),
        functools.partial(task.heads[head], plan),
        functools.partial(box_targets, num_classes, task.masks),
    )


def _fcos(plan: DetectorPlan) -> Detector:
    body, prepare = pyramid_backbone(plan, _LEVELS, _p6_p7(plan.fpn_channels))
    strides = _with_p6_p7(body.pyramid.strides)
    anchors = Anchors(tuple((stride,) for stride in strides), ((1.0,),) * len(strides))
    return _one_stage(FCOS(body, plan.num_classes, anchor_generator=anchors), prepare, plan.num_classes)


def _retinanet(plan: DetectorPlan) -> Detector:
    body, prepare = pyramid_backbone(plan, _LEVELS, _p6_p7(plan.fpn_channels))
    # Sizes and ratios of the RetinaNet paper (arXiv 1708.02002, section 4), rounded as torchvision does.
    sizes = tuple(
        tuple(int(4 * stride * 2 ** (step / 3)) for step in range(3)) for stride in _with_p6_p7(body.pyramid.strides)
    )
    network = RetinaNet(body, plan.num_classes, anchor_generator=Anchors(sizes, ((0.5, 1.0, 2.0),) * len(sizes)))
    return _one_stage(network, prepare, plan.num_classes)


def _one_stage(network: Any, prepare: Preparation, num_classes: int) -> Detector:
    network.transform = prepare
    float32_outputs(network.head)
    return Detector(network, num_classes)


def _p6_p7(channels: int) -> ExtraFPNBlock:
    """Two more maps, from the pyramid's last one, as torchvision's FCOS and RetinaNet have them."""
    return LastLevelP6P7(channels, channels)


def _with_p6_p7(strides: tuple[int, ...]) -> tuple[int, ...]:
    return (*strides, 2 * strides[-1], 4 * strides[-1])


_BOXES = _DetectionTask(
    "detection",
    {"fcos": _fcos, "retinanet": _retinanet, "faster_rcnn": functools.partial(region_detector, masks=False)},
    masks=False,
)
_MASKS = _DetectionTask(
    "instance_segmentation", {"mask_rcnn": functools.partial(region_detector, masks=True)}, masks=True
)
