"""Putting modules in the place of others, wherever a model holds them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn


def with_replaced(module: nn.Module, replacements: Mapping[nn.Module, nn.Module]) -> nn.Module:
    """``module`` with each key of ``replacements`` replaced by its value, in every place where it is held.

    The model itself may be a key; what is inside a replacement is left alone.
    """
    if module in replacements:
        return replacements[module]
    for parent in list(module.modules()):
        # Not named_children(), which passes over a module that a parent holds under a second name.
        for name, child in list(parent._modules.items()):
            if child is not None and child in replacements:
                setattr(parent, name, replacements[child])
    return module
