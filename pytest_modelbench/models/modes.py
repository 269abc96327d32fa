"""Train and eval mode, put back part by part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from torch import nn

from pytest_modelbench.core.errors import BuildError, hide_own_frames

__tracebackhide__ = hide_own_frames

#: What to do where a model can be run and not be trained.
TRAINING_NEEDS = (
    "training may need what evaluation does not: a batch_size of 2 for batch normalization, targets for a detector "
    "(inputs= takes a function that makes them, too)"
)


@contextmanager
def modes_kept(module: nn.Module) -> Iterator[None]:
    """Within, modes may be changed; afterwards each part of ``module`` is in the one that it was in."""
    modes = [(part, part.training) for part in module.modules()]
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def train_mode(module: nn.Module, label: str) -> None:
    """Put ``module`` into train mode; raises BuildError, which names it by ``label``, for one that has none."""
    try:
        module.train()
    except NotImplementedError as error:
        raise BuildError(
            f"{label} cannot be trained: what torch.export made is of the mode that it was exported in ({error}); "
            "build the module that it was made from"
        ) from error


def is_compiled(module: nn.Module) -> bool:
    """Whether any part of ``module`` is what torch.compile made: code that holds for what it met."""
    return any(part._compiled_call_impl is not None or hasattr(part, "_orig_mod") for part in module.modules())


def evaluating(module: nn.Module) -> nn.Module:
    """``module``, in eval mode."""
    # What torch.export made is of one mode, and refuses to be told another.
    with suppress(NotImplementedError):
        module.eval()
    return module
