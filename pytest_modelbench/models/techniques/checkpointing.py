"""Checkpointing: activations are computed a second time in the backward pass instead of being kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint_sequential

from pytest_modelbench.core.errors import BuildError, hide_own_frames
from pytest_modelbench.models.sources import ModelSource

__tracebackhide__ = hide_own_frames

#: Of a sequential model's features; the last is not computed again. Of 2 to 8, four give the memory that the speed and
#: memory comparison reports for VGG-16, checkpointed the older way: .970 of the published figure is predicted, and .997
#: without checkpointing.
SEGMENTS = 4


class CheckpointedSequential(nn.Sequential):
    """A sequential that keeps, in training, what enters its segments and what its last one needs.

    Batch normalizations in the other segments move their running statistics twice per step, as wherever something
    with state is computed again. ``reentrant`` is PyTorch's older way, which also holds the output of a segment while
    it goes backward through it, and computes the gradient of the images, needed or not.
    """

    reentrant = False

    def forward(self, input: Tensor) -> Tensor:
        """Output of the layers one after another, ``(N, ...)`` in and out."""
        made: Tensor
        if self.training and torch.is_grad_enabled():
            if self.reentrant and not input.requires_grad:
                input = input.detach().requires_grad_()  # or the first segment's weights would get no gradients
            made = checkpoint_sequential(  # type: ignore[no-untyped-call]
                _units(self), SEGMENTS, input, use_reentrant=self.reentrant
            )
        else:
            made = super().forward(input)  # type: ignore[no-untyped-call]
        return made


def with_checkpointing(module: nn.Module, source: ModelSource) -> nn.Module:
    """``module`` that checkpoints in training: by its ``set_grad_checkpointing``, or its sequential ``features``.

    Looks into wrappers, such as a detector around a timm backbone. Raises BuildError where nothing can be checkpointed.
    """
    if type(module) is nn.Sequential and _can_be_cut(module):
        return _checkpointed(module)
    if not _checkpoint(module):
        raise BuildError(
            f"{source.name}: {type(module).__name__} cannot be checkpointed: it has neither a set_grad_checkpointing "
            f"that works nor a torch.nn.Sequential 'features' of {SEGMENTS} layers or more; drop the technique"
        )
    return module


def with_reentrant_checkpointing(module: nn.Module, source: ModelSource) -> nn.Module:
    """``module``, a sequential or with sequential ``features``, that checkpoints as PyTorch did at first.

    The way of the speed and memory comparison. Raises BuildError where there is no such sequential.
    """
    layers = module if type(module) is nn.Sequential else getattr(module, "features", None)
    if not isinstance(layers, nn.Sequential) or not _can_be_cut(layers):
        raise BuildError(
            f"{source.name}: {type(module).__name__} has no torch.nn.Sequential 'features' of {SEGMENTS} layers or "
            "more for checkpoint_reentrant; take checkpoint, or drop the technique"
        )
    made = _checkpointed(layers)
    made.reentrant = True
    if layers is module:
        return made
    module.features = made
    return module


def _checkpoint(module: nn.Module) -> bool:
    """Make ``module`` or parts of it checkpoint; whether there were any."""
    if _enabled(getattr(module, "set_grad_checkpointing", None)):
        return True
    features = getattr(module, "features", None)
    if isinstance(features, nn.Sequential) and _can_be_cut(features):
        module.features = _checkpointed(features)
        return True
    # Not any(), which would stop at the first part that can be checkpointed.
    return sum(_checkpoint(child) for child in module.children()) > 0


def _enabled(enable: Callable[[bool], Any] | None) -> bool:
    if enable is None:
        return False
    try:
        enable(True)
    except (AssertionError, NotImplementedError):  # how timm's models say that they do not support it
        return False
    return True


def _can_be_cut(layers: nn.Sequential) -> bool:
    return len(_units(layers)) >= SEGMENTS


def _checkpointed(layers: nn.Sequential) -> CheckpointedSequential:
    # By name, so that weights are found under the same names as before; _modules has those held twice, too.
    named = OrderedDict((name, layer) for name, layer in layers._modules.items() if layer is not None)
    return CheckpointedSequential(named)


def _units(layers: nn.Sequential) -> list[Callable[[Tensor], Tensor]]:
    """The layers, each together with those after it that write into what they are given.

    A segment must not begin with one of those: it would overwrite what the segment is to be computed again from.
    """
    groups: list[list[nn.Module]] = []
    for layer in layers:
        if groups and getattr(layer, "inplace", False):
            groups[-1].append(layer)
        else:
            groups.append([layer])
    return [partial(_in_turn, group) for group in groups]


def _in_turn(layers: list[nn.Module], value: Tensor) -> Tensor:
    for layer in layers:
        value = layer(value)
    return value
