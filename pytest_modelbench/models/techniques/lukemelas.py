"""EfficientNet as Luke Melas-Kyriazi wrote it, from the package efficientnet_pytorch."""

from __future__ import annotations

from torch import nn

from pytest_modelbench.core.errors import MissingExtraError, UsageError, did_you_mean, hide_own_frames

__tracebackhide__ = hide_own_frames

_VARIANTS = tuple(f"efficientnet_b{number}" for number in range(9))


def efficientnet(
    variant: str = "efficientnet_b0",
    num_classes: int = 1000,
    layout_size: int | None = None,
    memory_efficient: bool = True,
) -> nn.Module:
    """The EfficientNet ``variant``, with random weights.

    ``layout_size`` is what its padding is laid out for, by default what the variant was made for; others can be fed all
    the same. ``memory_efficient``: its swish keeps its input only, the package's default; False takes PyTorch's SiLU.
    Raises MissingExtraError without the package.
    """
    if variant not in _VARIANTS:
        near = did_you_mean(str(variant), _VARIANTS)
        raise UsageError(f"efficientnet(variant={variant!r}): there are {', '.join(_VARIANTS)}.{near}")
    try:
        from efficientnet_pytorch import EfficientNet
    except ModuleNotFoundError:
        raise MissingExtraError("efficientnet_pytorch", "lukemelas") from None
    layout = {} if layout_size is None else {"image_size": layout_size}
    made = EfficientNet.from_name(variant.replace("_", "-"), num_classes=num_classes, **layout)
    made.set_swish(memory_efficient=memory_efficient)
    made.num_classes = num_classes
    module: nn.Module = made
    return module
