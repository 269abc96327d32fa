"""Semantic segmentation over timm backbones: DeepLabV3+ and DPT with segmentation_models_pytorch's parts, FCN."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import timm
from torch import Tensor, nn
from torch.nn import functional

from pytest_modelbench.core.errors import BuildError, MissingExtraError, UsageError, hide_own_frames
from pytest_modelbench.core.tasks import IGNORED, USUAL_CLASSES, headed
from pytest_modelbench.models.hub import with_weights
from pytest_modelbench.models.sources import ModelSource
from pytest_modelbench.models.tasks.options import backbone_options, take_count, take_head
from pytest_modelbench.models.tasks.pyramid import Normalization, Pyramid, feature_maps, normalization, padded
from pytest_modelbench.models.tasks.targets import label_targets
from pytest_modelbench.models.timm_models import timm_source

__tracebackhide__ = hide_own_frames

#: Height and width that segmentation models are published for; Cityscapes has 512 x 1024 crops beside.
IMAGE_SIZE = (512, 512)
#: Pixels that a step in DeepLabV3+'s coarsest map spans, as in the paper (arXiv 1802.02611).
_OUTPUT_STRIDE = 16
#: Defaults of segmentation_models_pytorch's DeepLabV3Plus.
_DEEPLAB = {"out_channels": 256, "atrous_rates": (12, 24, 36), "aspp_separable": True, "aspp_dropout": 0.5}
#: Channels of DPT's maps, its default there.
_DPT_CHANNELS = 256


@dataclass(frozen=True, slots=True)
class _SegmenterPlan:
    """What a segmenter is built over and with; ``channels`` are those of the images."""

    head: str
    backbone: str
    image_size: tuple[int, int]
    num_classes: int
    channels: int
    options: Mapping[str, Any]
    pretrained: bool = False

    @property
    def name(self) -> str:
        """What results call it."""
        return headed(self.head, self.backbone)

    def common(self) -> dict[str, Any]:
        """Arguments that all segmenters take."""
        normalize = normalization(self.backbone, self.channels)
        return {"name": self.name, "normalize": normalize, "num_classes": self.num_classes}

    def feature_maps(self, indices: tuple[int, ...], **more: Any) -> Any:
        """The backbone that returns the maps at ``indices``, made with ``more`` options."""
        return feature_maps(self.backbone, indices, self.image_size, self.pretrained, {**self.options, **more})


class Segmenter(nn.Module):
    """A model that labels pixels. Takes one batch ``(N, 3, H, W)`` in 0..1.

    Returns logits ``(N, classes, H, W)``; in train mode with targets ``(N, H, W)`` int64 the cross-entropy, as
    ``{"loss": ...}``, in which pixels labelled 255 do not count. Height and width are to be multiples of ``divisor``.
    """

    num_classes: int
    divisor: int

    def __init__(self, name: str, normalize: Normalization, num_classes: int, divisor: int) -> None:
        super().__init__()
        self.name = name
        self.normalize = normalize
        self.num_classes = num_classes
        self.divisor = divisor

    def forward(self, images: Tensor, targets: Tensor | None = None) -> Any:
        height, width = images.shape[-2:]
        check_size(self.name, (height, width), self.divisor)
        logits = self.logits(self.normalize(images))
        if not self.training or targets is None:
            return logits
        return {"loss": functional.cross_entropy(logits, targets, ignore_index=IGNORED)}

    def logits(self, images: Tensor) -> Tensor:
        """Logits ``(N, classes, H, W)`` of normalized images."""
        raise NotImplementedError

    def get_classifier(self) -> nn.Module:
        """The layer with one output per class: the last convolution."""
        return [part for part in self.modules() if isinstance(part, nn.Conv2d)][-1]


class DeepLabV3Plus(Segmenter):
    """DeepLabV3+ with segmentation_models_pytorch's decoder and head, under its names.

    Its encoders are made to a stride of 16 by dilation, which not every backbone knows; where the coarsest map has a
    larger one, it is upsampled instead.
    """

    def __init__(self, encoder: Pyramid, **options: Any) -> None:
        fine, coarse = encoder.strides
        super().__init__(divisor=coarse, **options)
        stride = min(coarse, _OUTPUT_STRIDE)
        decoders, base = _library("decoders.deeplabv3.decoder"), _library("base")
        self.encoder = encoder
        # The decoder looks at the third map (stride 4) and at the last one only.
        self.decoder = decoders.DeepLabV3PlusDecoder(
            encoder_channels=(0, 0, *encoder.channels), encoder_depth=4, output_stride=stride, **_DEEPLAB
        )
        self.segmentation_head = base.SegmentationHead(
            _DEEPLAB["out_channels"], self.num_classes, kernel_size=1, upsampling=fine
        )
        self._upsampled = coarse // stride

    def forward(self, images: Tensor, targets: Tensor | None = None) -> Any:
        if self.training and len(images) < 2:
            raise UsageError(
                f"{self.name} cannot be trained on one image at a time: it normalizes the mean of each image over the "
                "batch; pass batch_size=2 or more"
            )
        return super().forward(images, targets)

    def logits(self, images: Tensor) -> Tensor:
        fine, coarse = self.encoder(images)
        if self._upsampled > 1:
            coarse = functional.interpolate(coarse, scale_factor=self._upsampled, mode="bilinear", align_corners=False)
        found: Tensor = self.segmentation_head(self.decoder([images, images, fine, coarse]))
        return found


class FCN(Segmenter):
    """torchvision's FCNHead on the last map, whatever its stride; ``output_stride=8`` dilates the CNNs as there."""

    def __init__(self, encoder: Pyramid, **options: Any) -> None:
        from torchvision.models.segmentation.fcn import FCNHead

        super().__init__(divisor=encoder.strides[-1], **options)
        self.encoder = encoder
        self.classifier = FCNHead(encoder.channels[-1], self.num_classes)

    def logits(self, images: Tensor) -> Tensor:
        found = self.classifier(self.encoder(images)[-1])
        return functional.interpolate(found, size=images.shape[-2:], mode="bilinear", align_corners=False)


class DPT(Segmenter):
    """segmentation_models_pytorch's DPT, for plain vision transformers."""

    def __init__(self, whole: Any, **options: Any) -> None:
        # One of its maps has twice the transformer's stride.
        super().__init__(divisor=2 * whole.encoder.output_stride, **options)
        self.encoder = whole.encoder
        self.decoder = whole.decoder
        self.segmentation_head = whole.segmentation_head

    def logits(self, images: Tensor) -> Tensor:
        found: Tensor = self.segmentation_head(self.decoder(*self.encoder(images)))
        return found


def segmentation_source(
    backbone: str, image_size: tuple[int, int] | None, pretrained: bool, options: Mapping[str, Any]
) -> ModelSource:
    """Source of a semantic segmentation model over the timm model ``backbone``.

    ``options``: ``head`` (deeplabv3plus, fcn, dpt), ``num_classes`` (19); all others go to timm.create_model.
    """
    options = backbone_options(options)
    head = take_head("segmentation", _HEADS, options)
    num_classes = take_count("num_classes", USUAL_CLASSES["segmentation"], options)
    image_size = image_size or IMAGE_SIZE
    channels = timm_source(backbone, image_size, False, options).channels
    plan = _SegmenterPlan(head, backbone, image_size, num_classes, channels, options)
    return ModelSource(
        plan.name,
        channels,
        image_size,
        functools.partial(_made, replace(plan, pretrained=pretrained)),
        functools.partial(_made, plan),
        functools.partial(label_targets, num_classes),
    )


def check_size(name: str, image_size: tuple[int, int], divisor: int) -> None:
    """Raise UsageError naming the next sizes where height or width is no multiple of ``divisor``."""
    up = padded(image_size, divisor)
    if up != tuple(image_size):
        down = tuple(max(side // divisor, 1) * divisor for side in image_size)
        raise UsageError(f"{name}: image size {image_size} is no multiple of {divisor}; the next ones are {down}, {up}")


def _made(plan: _SegmenterPlan) -> Segmenter:
    made = _HEADS[plan.head](plan)
    check_size(plan.name, plan.image_size, made.divisor)
    return made


def _deeplab(plan: _SegmenterPlan) -> Segmenter:
    _library()  # before a backbone is built in vain
    model = None
    # Counted from the end, the fourth map is the one of stride 4, whether there is one of a stem before it or not.
    indices = (-4, -1)
    if "output_stride" not in plan.options:
        try:
            model = plan.feature_maps(indices, output_stride=_OUTPUT_STRIDE)
        except Exception as error:  # whatever a constructor raises for an argument that it does not know
            if "output_stride" not in str(error):
                raise
    if model is None:
        model = plan.feature_maps(indices)
    encoder = Pyramid(model)
    if encoder.strides[0] != 4:
        raise BuildError(
            f"{plan.backbone} has maps of strides {encoder.strides}, and deeplabv3plus needs one of stride 4; "
            "take head='fcn', or head='dpt' for a plain transformer"
        )
    return DeepLabV3Plus(encoder, **plan.common())


def _fcn(plan: _SegmenterPlan) -> Segmenter:
    return FCN(Pyramid(plan.feature_maps((-1,))), **plan.common())


def _dpt(plan: _SegmenterPlan) -> Segmenter:
    library = _library()
    config = timm.get_pretrained_cfg(plan.backbone)
    options = dict(plan.options)
    if config is not None and config.fixed_input_size:
        options.setdefault("img_size", plan.image_size)
    make = functools.partial(
        library.DPT, f"tu-{plan.backbone}", encoder_weights="default" if plan.pretrained else None,
        decoder_fusion_channels=_DPT_CHANNELS, in_channels=options.pop("in_chans", 3), classes=plan.num_classes,
        num_classes=0, **options,
    )  # fmt: skip
    try:
        whole = with_weights(plan.backbone, make) if plan.pretrained else make()
        strides = set(whole.encoder.output_strides)
    except (AttributeError, ValueError) as error:
        raise BuildError(f"{plan.backbone} cannot be built as a dpt: {error}; it takes plain transformers") from error
    if len(strides) > 1:
        raise BuildError(
            f"{plan.backbone} has maps of strides {sorted(strides)}, and dpt takes plain transformers; "
            "take head='deeplabv3plus'"
        )
    return DPT(whole, **plan.common())


#: The first is the default.
_HEADS: Mapping[str, Callable[[_SegmenterPlan], Segmenter]] = {"deeplabv3plus": _deeplab, "fcn": _fcn, "dpt": _dpt}


def _library(part: str = "") -> Any:
    """segmentation_models_pytorch, or its module ``part``; MissingExtraError if it is not installed."""
    package = "segmentation_models_pytorch"
    try:
        return importlib.import_module(f"{package}.{part}" if part else package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise MissingExtraError("segmentation-models-pytorch", "segmentation") from error
