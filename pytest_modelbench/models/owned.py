"""A module that is ours alone, whatever a builder returns: what is measured is moved, cast and trained."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import chain
from typing import Any

from torch import nn
from torch.nn.modules import module as hooks

from pytest_modelbench.core.errors import BuildError


def made_afresh(make: Callable[[], object]) -> object:
    """What ``make()`` returns; a copy if it is a module that holds parameters or buffers that existed before.

    A module that others hold, too, would be theirs no more once it is on another device, in another precision or
    trained. What was registered while ``make`` ran is known to be new. The rest is copied, which costs a moment. Raises
    BuildError for a module that cannot be.
    """
    new: dict[int, object] = {}  # by identity; what is kept alive keeps its identity

    def note(module: nn.Module, name: str, tensor: object) -> None:
        new[id(tensor)] = tensor

    handles: list[Any] = [
        hooks.register_module_parameter_registration_hook(note),
        hooks.register_module_buffer_registration_hook(note),
    ]
    try:
        made = make()
    finally:
        for handle in handles:
            handle.remove()
    if not isinstance(made, nn.Module):
        return made
    if all(id(tensor) in new for tensor in chain(made.parameters(), made.buffers())):
        return made
    try:
        return copy.deepcopy(made)
    except Exception as error:
        raise BuildError(
            f"the builder returns a {type(made).__name__} that was there before, which is not measured itself, as that "
            f"would move and cast it, and which cannot be copied ({type(error).__name__}: {error}); let the builder "
            "make a new one each time"
        ) from error
