"""Activated batch normalization: plain, in place, and in place by the package inplace-abn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from pytest_modelbench.core.errors import BuildError, MissingExtraError, hide_own_frames
from pytest_modelbench.models.sources import ModelSource
from pytest_modelbench.models.techniques.activations import NEGATIVE_SLOPE
from pytest_modelbench.models.techniques.following import followed_norms, own_activation
from pytest_modelbench.models.techniques.inplace import InplaceAbn
from pytest_modelbench.models.techniques.replacement import with_replaced

__tracebackhide__ = hide_own_frames

#: What replaces a batch normalization, given the slope of the leaky ReLU after it, 1 for none.
InPlace = Callable[[nn.BatchNorm2d, float], nn.Module]


def with_abn(module: nn.Module, source: ModelSource) -> nn.Module:
    """``module`` with leaky ReLU for each activation after a batch normalization, and for no other.

    In-place ABN cannot do ReLU, so this is what it is compared with. Raises BuildError where there is none.
    """
    replacements: dict[nn.Module, nn.Module] = {}
    for each in followed_norms(module, source):
        if each.activation is not None:
            replacements[each.activation] = nn.LeakyReLU(NEGATIVE_SLOPE, inplace=True)
    if not replacements:
        raise _nothing_to_do("abn", module, source)
    return with_replaced(module, replacements)


def with_inplace_abn(module: nn.Module, source: ModelSource) -> nn.Module:
    """``module`` with an in-place ABN for each batch normalization and the activation after it: computes what abn does.

    A normalization without an activation becomes one, too, where others keep its output for the backward pass anyway,
    such as squeeze-and-excitation: then its input need not be kept beside it.
    """
    return _in_place("inplace_abn", module, source, InplaceAbn.of)


def with_extension(module: nn.Module, source: ModelSource) -> nn.Module:
    """As `with_inplace_abn`, with the package's layer; on the meta device, where an extension cannot run, with our own.

    Raises MissingExtraError if the package is not installed.
    """
    try:
        import inplace_abn
    except ModuleNotFoundError:
        raise MissingExtraError("inplace_abn", "inplace-abn") from None

    def create(norm: nn.BatchNorm2d, negative_slope: float) -> nn.Module:
        if norm.weight.is_meta:
            return InplaceAbn.of(norm, negative_slope)
        return _extension_layer(inplace_abn, norm, negative_slope)

    return _in_place("inplace_abn_ext", module, source, create)


def _in_place(technique: str, module: nn.Module, source: ModelSource, create: InPlace) -> nn.Module:
    replacements: dict[nn.Module, nn.Module] = {}
    for each in followed_norms(module, source):
        if each.activation is not None:
            replacements[each.norm] = create(each.norm, NEGATIVE_SLOPE)
            if own_activation(each.norm) is None:
                replacements[each.activation] = nn.Identity()
        elif each.kept:
            replacements[each.norm] = create(each.norm, 1.0)
    if not replacements:
        raise _nothing_to_do(technique, module, source)
    return with_replaced(module, replacements)


def _extension_layer(package: Any, norm: nn.BatchNorm2d, negative_slope: float) -> nn.Module:
    layer: nn.Module = package.InPlaceABN(
        norm.num_features,
        eps=norm.eps,
        momentum=norm.momentum,
        activation="identity" if negative_slope == 1 else "leaky_relu",
        activation_param=negative_slope,
    )
    for name, parameter in norm.named_parameters(recurse=False):
        setattr(layer, name, parameter)
    for name in ("running_mean", "running_var"):
        setattr(layer, name, getattr(norm, name))
    return layer.train(norm.training)


def _nothing_to_do(technique: str, module: nn.Module, source: ModelSource) -> BuildError:
    count = sum(isinstance(part, nn.BatchNorm2d) for part in module.modules())
    return BuildError(
        f"{source.name}: {technique} changes nothing: of {count} torch.nn.BatchNorm2d none is followed by an "
        "activation module; drop the technique"
    )
