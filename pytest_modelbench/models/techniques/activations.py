"""Activations: which modules are some, and models with another one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from pytest_modelbench.core.errors import BuildError, hide_own_frames
from pytest_modelbench.models.sources import ModelSource
from pytest_modelbench.models.techniques.replacement import with_replaced

__tracebackhide__ = hide_own_frames

#: Slope of leaky ReLU for negative values: PyTorch's default, and that of the in-place ABN paper's code.
NEGATIVE_SLOPE = 0.01

#: Class names in torch.nn, timm.layers and efficientnet_pytorch, of activations between layers. Sigmoid, tanh and their
#: relatives are not among them: what they do in image models is to gate.
_CLASSES = frozenset([
    "ReLU", "ReLU6", "LeakyReLU", "ELU", "CELU", "SELU", "GELU", "GELUTanh", "GELUQuick", "QuickGELU", "SiLU", "Swish",
    "SwishMe", "MemoryEfficientSwish", "Mish", "MishMe", "Hardswish", "HardSwish", "HardSwishMe", "HardMish",
    "HardMishMe", "Softplus",
])  # fmt: skip


def is_activation(module: nn.Module) -> bool:
    """Whether ``module`` is an activation between layers, without parameters, by the name of its class."""
    return type(module).__name__ in _CLASSES


def with_activation(name: str, module: nn.Module, source: ModelSource) -> nn.Module:
    """``module`` with the activation ``name`` for every one it has, in place where they were, if it can be.

    Activations called as functions are not seen. Raises BuildError for a model without activation modules.
    """
    create = _CREATED[name]
    old = [part for part in module.modules() if is_activation(part)]
    if not old:
        raise BuildError(
            f"{source.name}: act={name} finds no activation module to replace; "
            "pass act_layer=... if the model takes it, or drop the technique"
        )
    return with_replaced(module, {part: create(bool(getattr(part, "inplace", False))) for part in old})


def _naive_swish(_: bool) -> nn.Module:
    from timm.layers.activations import Swish

    made: nn.Module = Swish()
    return made


def _naive_mish(_: bool) -> nn.Module:
    from timm.layers.activations import Mish

    made: nn.Module = Mish()
    return made


def _memory_efficient_mish(_: bool) -> nn.Module:
    from timm.layers.activations_me import MishMe

    made: nn.Module = MishMe()
    return made


#: From ``inplace`` to the module. The naive ones go operator by operator, so PyTorch keeps what is in between.
_CREATED: Mapping[str, Callable[[bool], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda inplace: nn.LeakyReLU(NEGATIVE_SLOPE, inplace),
    "silu": nn.SiLU,
    "swish_naive": _naive_swish,
    "mish": nn.Mish,
    "mish_naive": _naive_mish,
    "mish_me": _memory_efficient_mish,
}
