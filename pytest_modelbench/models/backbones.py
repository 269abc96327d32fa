"""The backbones of the benchmark suites, with the parameter counts that were published for them. Without torch."""

from __future__ import annotations

from typing import NamedTuple


class Backbone(NamedTuple):
    """A timm model at its 1000 ImageNet classes and the parameter count published for it, as printed."""

    name: str
    published: str


#: Published counts: AutoTimm's benchmark guide, tables "CNN Backbones" and the transformers' beside it.
BACKBONES = (
    Backbone("resnet18", "11.7M"),
    Backbone("resnet34", "21.8M"),
    Backbone("resnet50", "25.6M"),
    Backbone("resnet101", "44.5M"),
    Backbone("resnet152", "60.2M"),
    Backbone("efficientnet_b0", "5.3M"),
    Backbone("efficientnet_b1", "7.8M"),
    Backbone("efficientnet_b2", "9.1M"),
    Backbone("efficientnet_b3", "12.2M"),
    Backbone("efficientnet_b4", "19.3M"),
    Backbone("convnext_tiny", "28.6M"),
    Backbone("convnext_small", "50.2M"),
    Backbone("convnext_base", "88.6M"),
    Backbone("mobilenetv3_small_100", "2.5M"),
    Backbone("mobilenetv3_large_100", "5.5M"),
    Backbone("vit_tiny_patch16_224", "5.7M"),
    Backbone("vit_small_patch16_224", "22.1M"),
    Backbone("vit_base_patch16_224", "86.6M"),
    Backbone("vit_large_patch16_224", "304.3M"),
    Backbone("swin_tiny_patch4_window7_224", "28.3M"),
    Backbone("swin_small_patch4_window7_224", "49.6M"),
    Backbone("swin_base_patch4_window7_224", "87.8M"),
    Backbone("deit_tiny_patch16_224", "5.7M"),
    Backbone("deit_small_patch16_224", "22.1M"),
    Backbone("deit_base_patch16_224", "86.6M"),
)

#: The four of the guide's own benchmark code.
QUICK = ("mobilenetv3_small_100", "efficientnet_b0", "resnet50", "vit_base_patch16_224")

#: The two of the guide's table of batch sizes.
BATCHED = ("resnet50", "vit_base_patch16_224")
BATCH_SIZES = (1, 8, 32)
