"""Detectors that look at regions a second time: Faster R-CNN, and Mask R-CNN with a mask for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN, MaskRCNN
from torchvision.ops import MultiScaleRoIAlign, roi_align
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from pytest_modelbench.core.errors import BuildError, hide_own_frames
from pytest_modelbench.models.tasks.detector import (
    Anchors,
    Detector,
    DetectorPlan,
    float32_outputs,
    pyramid_backbone,
)

__tracebackhide__ = hide_own_frames

#: Maps that regions are taken from, and the sides in cells that these are brought to, for boxes and for masks; the
#: sampling points per cell and side. All as torchvision's FasterRCNN and MaskRCNN have them by default.
_LEVELS = 4
_BOX_CELLS, _MASK_CELLS = 7, 14
_SAMPLING = 2


class RegionDetector(Detector):
    """A detector in two stages. Its labels count from 0, too: torchvision's background class 0 stays inside."""

    def forward(self, images: Tensor, targets: Sequence[Mapping[str, Tensor]] | None = None) -> Any:
        if images.is_meta:
            return self.dense(images)
        if self.training:
            if targets is not None:
                targets = [{**target, "labels": target["labels"] + 1} for target in targets]
            return super().forward(images, targets)
        found = super().forward(images)
        for one in found:
            one["labels"] = one["labels"] - 1
        return found

    def class_layer(self) -> tuple[nn.Module, int, int]:
        """The layer that tells regions' classes, background included: see `Detector`."""
        network: Any = self.network
        return network.roi_heads.box_predictor.cls_score, 1, 1

    def dense(self, images: Tensor) -> Any:
        """Outputs for as many regions as the heads get at most: an upper bound of memory and work.

        In training those are the 512 that are sampled for the loss (for masks the quarter of them that may hold an
        object), otherwise the 1000 proposals that are kept (for masks the 100 boxes).
        """
        network: Any = self.network
        heads = network.roi_heads
        batch, _ = network.transform(images, None)
        features = network.backbone(batch.tensors)
        objectness, deltas = network.rpn.head(list(features.values()))
        if self.training:
            regions = heads.fg_bg_sampler.batch_size_per_image
            objects = int(regions * heads.fg_bg_sampler.positive_fraction)
        else:
            regions, objects = network.rpn.post_nms_top_n(), heads.detections_per_img
        logits, regression = heads.box_predictor(heads.box_head(heads.box_roi_pool.dense(features, regions)))
        outputs = {"objectness": objectness, "deltas": deltas, "logits": logits, "regression": regression}
        if heads.has_mask():
            pooled = heads.mask_roi_pool.dense(features, objects)
            outputs["masks"] = heads.mask_predictor(heads.mask_head(pooled))
        return outputs


class RegionPool(MultiScaleRoIAlign):  # type: ignore[misc]
    """Regions cut out of the pyramid, in float32 as under autocast: boxes are, and roi_align takes no mix."""

    def forward(self, x: Mapping[str, Tensor], boxes: list[Tensor], image_shapes: list[tuple[int, int]]) -> Tensor:
        pooled: Tensor = super().forward({name: tensor.float() for name, tensor in x.items()}, boxes, image_shapes)
        return pooled.to(x[self.featmap_names[0]].dtype)

    def dense(self, x: Mapping[str, Tensor], per_image: int) -> Tensor:
        """What `forward` returns for ``per_image`` boxes in each image, on the meta device, all small ones.

        Those are taken from the finest map, as most are; torchvision looks into the others all the same.
        """
        maps = [x[name].float() for name in self.featmap_names]
        count, channels = per_image * len(maps[0]), maps[0].shape[1]
        pooled = maps[0].new_zeros((count, channels, *self.output_size))
        for tensor in maps:
            boxes = tensor.new_empty((count if tensor is maps[0] else 0, 5))
            pooled[: len(boxes)] = roi_align(tensor, boxes, self.output_size, 1.0, self.sampling_ratio)
        return pooled.to(x[self.featmap_names[0]].dtype)


def region_detector(plan: DetectorPlan, *, masks: bool) -> RegionDetector:
    """Faster R-CNN as planned, with ``masks`` Mask R-CNN."""
    body, prepare = pyramid_backbone(plan, _LEVELS, LastLevelMaxPool())
    strides = body.pyramid.strides
    if any(stride & (stride - 1) for stride in strides):
        # MultiScaleRoIAlign takes the scale of a map for the nearest power of two.
        raise BuildError(
            f"{plan.backbone} has maps of strides {strides}, and region heads need powers of two; take head='fcos', or "
            "a transformer with another patch size"
        )
    # One size per map and three ratios (FPN, arXiv 1612.03144, section 4.1).
    sizes = tuple((8 * stride,) for stride in (*strides, 2 * strides[-1]))
    names = [str(level) for level in range(_LEVELS)]
    kind = MaskRCNN if masks else FasterRCNN
    network: nn.Module = kind(
        body,
        plan.num_classes + 1,
        rpn_anchor_generator=Anchors(sizes, ((0.5, 1.0, 2.0),) * len(sizes)),
        box_roi_pool=RegionPool(names, _BOX_CELLS, _SAMPLING),
        **({"mask_roi_pool": RegionPool(names, _MASK_CELLS, _SAMPLING)} if masks else {}),
    )
    any_network: Any = network
    any_network.transform = prepare
    float32_outputs(any_network.rpn.head)
    float32_outputs(any_network.roi_heads.box_predictor)
    return RegionDetector(network, plan.num_classes)
