"""What follows each batch normalization in a model: found by running it once, not by the names of its layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from pytest_modelbench.core.errors import BuildError, hide_own_frames
from pytest_modelbench.models.inputs import Placement
from pytest_modelbench.models.modes import evaluating, modes_kept
from pytest_modelbench.models.sources import ModelSource
from pytest_modelbench.models.techniques.activations import is_activation

__tracebackhide__ = hide_own_frames


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """A batch normalization and what becomes of its output.

    ``activation`` is the module that alone takes the output; a normalization that brings its own (timm's
    BatchNormAct2d) has it there. Without one, ``kept`` says whether others keep the output for the backward pass.
    """

    norm: nn.BatchNorm2d
    activation: nn.Module | None
    kept: bool


def followed_norms(module: nn.Module, source: ModelSource) -> list[Followed]:
    """Each batch normalization of ``module`` with what follows it, from one forward pass over one sample.

    Runs in eval mode on the device of ``module``; its state stays as it was. Normalizations that are not used, that are
    used in several ways, or that keep no statistics, are passed over. Raises BuildError if the model cannot be run, or
    if an activation after a normalization is also used elsewhere, so that it cannot be taken away.
    """
    norms = [part for part in module.modules() if can_be_in_place(part)]
    if not norms:
        return []
    watch, parameter = _Watch(), next(norms[0].parameters())
    arguments = source.arguments(1, 0, Placement(parameter.device, parameter.dtype))
    try:
        with modes_kept(module), torch.enable_grad(), watch.watching(evaluating(module)):
            output = arguments.call(module)
        found, elsewhere = watch.followed()
        del output  # held until here: what is kept for the backward pass lives as long as it
    except BuildError:
        raise
    except Exception as error:
        raise BuildError(
            f"{source.name} cannot be run on one sample ({arguments.shape(1)}) to see what follows its batch "
            f"normalizations: {type(error).__name__}: {error}"
        ) from error
    if elsewhere:
        raise BuildError(
            f"{source.name} calls one {type(elsewhere[0]).__name__} after a batch normalization and elsewhere too (as "
            "torchvision's residual blocks do), so it cannot be changed for the one alone; use timm's model of its kind"
        )
    return found


@dataclass(slots=True, eq=False)
class _Trail:
    """One output of a normalization, held so that no other tensor gets its identity."""

    output: Tensor
    version: int
    activation: nn.Module | None = None
    other_uses: int = 0


class _Watch(TorchFunctionMode):
    """Sees which modules and functions take the outputs of batch normalizations."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: Counter[nn.Module | None] = Counter()
        self._trails: dict[nn.BatchNorm2d, list[_Trail]] = {}
        self._open: dict[int, _Trail] = {}
        self._saved: set[int] = set()
        self._inside = False

    @contextmanager
    def watching(self, module: nn.Module) -> Iterator[None]:
        """Watch ``module`` inside."""
        with ExitStack() as stack:
            for part in module.modules():
                if can_be_in_place(part):
                    hooks = [part.register_forward_hook(self._normalized)]
                elif is_activation(part):
                    hooks = [part.register_forward_pre_hook(self._enter), part.register_forward_hook(self._leave)]
                else:
                    continue
                for hook in hooks:
                    stack.callback(hook.remove)
            stack.enter_context(saved_tensors_hooks(self._save, lambda tensor: tensor))
            stack.enter_context(self)
            yield

    def followed(self) -> tuple[list[Followed], list[nn.Module]]:
        """What was seen, and the activations in it that are also called elsewhere; the outputs are let go."""
        found, calls = [], Counter(self._calls)
        for norm, trails in self._trails.items():
            ways = {(trail.activation if not trail.other_uses else None, self._is_kept(trail)) for trail in trails}
            if len(ways) == 1:
                found.append(Followed(norm, *ways.pop()))
                calls.subtract({found[-1].activation: len(trails)})
        elsewhere = [each.activation for each in found if each.activation is not None and calls[each.activation] > 0]
        self._trails.clear()
        self._open.clear()
        return found, elsewhere

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        # Properties, such as x.shape, use nothing of a tensor's values.
        if not self._inside and self._open and getattr(func, "__name__", "") != "__get__":
            for value in tree_leaves((args, kwargs)):
                if trail := self._open.get(id(value)):
                    trail.other_uses += 1
        return func(*args, **(kwargs or {}))

    def _normalized(self, norm: nn.BatchNorm2d, args: tuple[Any, ...], output: Tensor) -> None:
        trail = _Trail(output, output._version, activation=own_activation(norm))
        self._trails.setdefault(norm, []).append(trail)
        if trail.activation is None:
            self._open[id(output)] = trail

    def _enter(self, activation: nn.Module, args: tuple[Any, ...]) -> None:
        self._inside = True
        if args and (trail := self._open.get(id(args[0]))):
            if trail.activation is None:
                trail.activation = activation
            else:
                trail.other_uses += 1

    def _leave(self, activation: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
        self._inside = False
        self._calls[activation] += 1
        if args and output is args[0]:
            self._open.pop(id(output), None)  # written over: from here on this is what the activation returned

    def _save(self, tensor: Tensor) -> Tensor:
        self._saved.add(tensor.untyped_storage()._cdata)
        return tensor

    def _is_kept(self, trail: _Trail) -> bool:
        unchanged = trail.output._version == trail.version
        return trail.activation is None and unchanged and trail.output.untyped_storage()._cdata in self._saved


def can_be_in_place(module: nn.Module) -> bool:
    """Whether ``module`` is a batch normalization, with weights and statistics, and at most an activation."""
    if not isinstance(module, nn.BatchNorm2d):
        return False
    nothing = (nn.Identity, type(None))
    return (
        module.affine
        and module.track_running_stats
        and module.momentum is not None
        and isinstance(getattr(module, "drop", None), nothing)
        and (isinstance(getattr(module, "act", None), nothing) or own_activation(module) is not None)
    )


def own_activation(norm: nn.BatchNorm2d) -> nn.Module | None:
    """The activation that ``norm`` itself applies, as timm's BatchNormAct2d does."""
    activation = getattr(norm, "act", None)
    return activation if isinstance(activation, nn.Module) and is_activation(activation) else None
