"""VGG with the activation before the normalization."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from pytest_modelbench.core.errors import BuildError, UsageError, hide_own_frames
from pytest_modelbench.models.sources import ModelSource
from pytest_modelbench.models.techniques.activations import is_activation

__tracebackhide__ = hide_own_frames

#: The layers of a unit: how VGG has it is conv, norm, act.
_Unit = tuple[nn.Conv2d, nn.BatchNorm2d, nn.Module]


def vgg16_pre_activation(order: str = "conv_act_norm", **options: Any) -> nn.Module:
    """timm's ``vgg16_bn`` with the activation before each normalization; ``options`` go to `timm.create_model`.

    ``conv_act_norm`` needs the memory of VGG's own order, as the speed and memory comparison reports for its "PreAct",
    to the last digit; ``norm_act_conv`` is that of He et al., Identity Mappings in Deep Residual Networks, 2016, whose
    normalizations have as many channels as enter the convolution, and which needs 12 % less.
    """
    if order not in _ORDERS:
        raise UsageError(f"vgg16_pre_activation: order={order!r} is none of {', '.join(_ORDERS)}")
    import timm

    module: nn.Module = timm.create_model("vgg16_bn", **options)
    module.features, _ = _reordered(module.get_submodule("features"), _ORDERS[order])
    return module


def with_pre_activation(module: nn.Module, source: ModelSource) -> nn.Module:
    """``module``, a VGG or a sequential, with each convolution, normalization, activation as conv, act, norm.

    Raises BuildError where it has none, one after the other in a torch.nn.Sequential.
    """
    layers = module if isinstance(module, nn.Sequential) else getattr(module, "features", None)
    changed, count = _reordered(layers, _conv_act_norm) if isinstance(layers, nn.Sequential) else (module, 0)
    if not count:
        raise BuildError(
            f"{source.name}: pre_activation finds no convolution, batch normalization and activation one after the "
            "other in a torch.nn.Sequential 'features', as VGG has them; drop the technique"
        )
    if layers is module:
        return changed
    module.features = changed
    return module


def _reordered(layers: nn.Module, order: Callable[[_Unit], list[nn.Module]]) -> tuple[nn.Sequential, int]:
    """``layers`` with each unit in another order, and how many there are; the names count up as in a sequential."""
    rest, made, count = list(layers.children()), list[nn.Module](), 0
    while rest:
        match rest[:3]:
            case [nn.Conv2d() as conv, nn.BatchNorm2d() as norm, activation] if is_activation(activation):
                made += order((conv, norm, activation))
                rest, count = rest[3:], count + 1
            case _:
                made.append(rest.pop(0))
    return nn.Sequential(*made), count


def _conv_act_norm(unit: _Unit) -> list[nn.Module]:
    conv, norm, activation = unit
    return [conv, activation, norm]


def _norm_act_conv(unit: _Unit) -> list[nn.Module]:
    conv, norm, activation = unit
    weight = conv.weight
    before = nn.BatchNorm2d(conv.in_channels, norm.eps, norm.momentum, device=weight.device, dtype=weight.dtype)
    return [before, activation, conv]


_ORDERS = {"conv_act_norm": _conv_act_norm, "norm_act_conv": _norm_act_conv}
