"""How the module of a built model is made: seeded, ours alone, on its device, in its precision, with its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from pytest_modelbench.core.case import Case
from pytest_modelbench.core.errors import BuildError, hide_own_frames
from pytest_modelbench.models.bare_build import built_on_meta
from pytest_modelbench.models.inputs import Arguments
from pytest_modelbench.models.modes import evaluating
from pytest_modelbench.models.origins import written_in
from pytest_modelbench.models.owned import made_afresh
from pytest_modelbench.models.precision import STORAGE_DTYPES
from pytest_modelbench.models.seeds import seeded
from pytest_modelbench.models.tensors import placed
from pytest_modelbench.models.weights import SAMPLES, lite0_state_dict, load_checkpoint

if TYPE_CHECKING:
    from pytest_modelbench.models.sources import ModelSource

__tracebackhide__ = hide_own_frames


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that a built model is made from, checked."""

    case: Case
    device: torch.device
    source: ModelSource
    channels_last: bool = False
    compile_options: Mapping[str, Any] | None = None
    cuda_graph: bool = False
    checkpoint: str | Path | None = None
    seed: int = 0
    followed: bool = False  #: operator by operator: never in inference mode, which keeps what they are composed of
    files: set[str] = field(default_factory=set, compare=False)  #: what is made of it is written in them

    @property
    def dtype(self) -> torch.dtype:
        """Type of weights and inputs."""
        return STORAGE_DTYPES[self.case.precision]


def made_module(recipe: Recipe, arguments: Callable[[], Arguments]) -> nn.Module:
    """The module: seeded, in eval mode, on its device. The random state is left as it was.

    ``arguments()``: what it is called with, for a module that takes its shapes from what it sees first. Raises
    BuildError.
    """
    # Parameters made under inference mode, in the middle of a forward pass, could never be trained.
    with torch.inference_mode(False), torch.enable_grad():
        module = _on_meta(recipe) if recipe.device.type == "meta" else _for_real(recipe)
        if any(map(is_lazy, chain(module.parameters(), module.buffers()))):
            with torch.no_grad(), seeded(recipe.seed, recipe.device):
                arguments().copies().call(module)
    return module


def _for_real(recipe: Recipe) -> nn.Module:
    with seeded(recipe.seed, recipe.device):
        module = _made(recipe, recipe.source.make)
    if recipe.checkpoint == SAMPLES:
        module.load_state_dict(lite0_state_dict(module))
    elif recipe.checkpoint is not None:
        load_checkpoint(module, recipe.checkpoint)
    module = _placed(recipe, evaluating(module))
    if recipe.compile_options is not None:
        # In place: attributes and parameter names stay those of the model.
        module.compile(**recipe.compile_options)
    return module


def _on_meta(recipe: Recipe) -> nn.Module:
    make = recipe.source.make_bare
    try:
        module = built_on_meta(lambda: _made(recipe, make), recipe.case.id)
    except BuildError:
        raise
    except Exception:
        # Some constructors read values (`linspace(...).item()`), which meta tensors do not have: build for real.
        with seeded(recipe.seed, torch.device("cpu")):
            module = _made(recipe, make)
    return _placed(recipe, evaluating(module))


def _placed(recipe: Recipe, module: nn.Module) -> nn.Module:
    module = placed(module, recipe.device, recipe.dtype)
    return module.to(memory_format=torch.channels_last) if recipe.channels_last else module


def _made(recipe: Recipe, make: Callable[[], object]) -> nn.Module:
    made = made_afresh(make)
    if not isinstance(made, nn.Module):
        raise BuildError(
            f"{recipe.case.id}: the builder returns {type(made).__name__}, not a torch.nn.Module; let it return one"
        )
    recipe.files.update(written_in(make, made))
    return made
