"""A Mask R-CNN whose heads are small enough to come with the package."""

from __future__ import annotations

from typing import Any

from torch import nn

from pytest_modelbench.core.errors import hide_own_frames

__tracebackhide__ = hide_own_frames

#: Channels of the pyramid, of the box head and of the mask head. The usual 256, 1024 and 256 make 14 MB of float16.
_PYRAMID, _BOX, _MASK = 64, 128, 64
#: Overlaps from which an anchor is an object, up to which it is none, and from which the lesser of two regions is left
#: out; torchvision's own.
_SAME, _OTHER, _SUPPRESSED = 0.7, 0.3, 0.7
#: Cells that a box is brought to, a side; torchvision's own.
_CELLS = 7
#: Sides of the scenes' shapes in pixels: 16 to 27, and 40 to 55. The paper's anchors begin at 32.
_ANCHORS = (16, 24, 40, 56, 80)
#: Regions per image: kept of each map before and after suppression, learned from, and found at most. A scene has four
#: objects at most, and the thousands that photos need would be one another.
_BEFORE, _AFTER, _LEARNED, _FOUND = 200, 100, 48, 20


def small_mask_rcnn(num_classes: int) -> nn.Module:
    """Mask R-CNN over timm's test_resnet for images of 96 pixels, as `models.tasks.region` has it but for its heads."""
    from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
    from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
    from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead

    from pytest_modelbench.models.tasks.detection import instance_segmentation_source
    from pytest_modelbench.models.tasks.detector import Anchors, float32_outputs

    options = {"fpn_channels": _PYRAMID, "num_classes": num_classes}
    detector: Any = instance_segmentation_source("test_resnet", (96, 96), False, options).make()
    network = detector.network
    anchors = Anchors(tuple((size,) for size in _ANCHORS), ((0.5, 1.0, 2.0),) * len(_ANCHORS))
    network.rpn = RegionProposalNetwork(
        anchors, RPNHead(_PYRAMID, anchors.num_anchors_per_location()[0]), _SAME, _OTHER, _LEARNED, 0.5,
        {"training": _BEFORE, "testing": _BEFORE}, {"training": _AFTER, "testing": _AFTER}, _SUPPRESSED,
    )  # fmt: skip
    float32_outputs(network.rpn.head)
    heads = network.roi_heads
    heads.fg_bg_sampler.batch_size_per_image = _LEARNED
    heads.detections_per_img = _FOUND
    heads.box_head = TwoMLPHead(_PYRAMID * _CELLS**2, _BOX)
    heads.box_predictor = FastRCNNPredictor(_BOX, num_classes + 1)
    float32_outputs(heads.box_predictor)
    heads.mask_head = MaskRCNNHeads(_PYRAMID, (_MASK,) * 4, 1)
    heads.mask_predictor = MaskRCNNPredictor(_MASK, _MASK, num_classes + 1)
    made: nn.Module = detector
    return made
