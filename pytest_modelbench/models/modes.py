"""Train and eval mode, put back part by part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from torch import nn


@contextmanager
def modes_kept(module: nn.Module) -> Iterator[None]:
    """Within, modes may be changed; afterwards each part of ``module`` is in the one that it was in."""
    modes = [(part, part.training) for part in module.modules()]
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def evaluating(module: nn.Module) -> nn.Module:
    """``module``, in eval mode."""
    # What torch.export made is of one mode, and refuses to be told another.
    with suppress(NotImplementedError):
        module.eval()
    return module
