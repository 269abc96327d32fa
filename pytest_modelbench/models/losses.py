"""What a training step goes backward from: a loss of the test's own, the module's own, or one that stands in for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils._pytree import tree_leaves

from pytest_modelbench.core.errors import BuildError, UsageError, hide_own_frames
from pytest_modelbench.core.train_options import TrainOptions
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.inputs import Arguments, made_targets
from pytest_modelbench.models.outputs import floating_tensors, moved

__tracebackhide__ = hide_own_frames

_SEED = 0


class Objective:
    """The loss of a batch of ``built``, by whichever of these there is first.

    ``step(module, *inputs)`` of the options; ``loss`` of the options, of the output, and of the targets if it takes a
    second argument: those that ``targets`` of the options makes, the module's own, or seeded labels for an output
    ``(N, classes)``; for a module with targets of its own, the sum of its losses; the scalar ``loss`` of an output that
    has one; the cross-entropy in float32 with seeded labels for an output ``(N, classes)``; the sum of the means of all
    floating outputs.
    """

    def __init__(self, built: BuiltModel, options: TrainOptions, case: str) -> None:
        self._built = built
        self._options = options
        self._case = case
        #: What the module is given besides its inputs.
        self._given = () if built.targets is None else (built.targets,)
        self._targets = built.targets
        if options.targets is not None:
            self._targets = moved(made_targets(options.targets, built.case.batch_size), built.device)
        # Asked once: a signature takes longer to read than some models to run.
        self._takes_targets = options.loss is not None and _takes_two(
            options.loss, if_it_can=options.targets is not None
        )
        self._labels: Tensor | None = None
        self._of_output = False

    @property
    def recipe(self) -> str:
        """What of the loss is the test's or the module's own; empty: nothing, as far as is known."""
        return self._options.recipe or ("loss=output.loss" if self._of_output else "")

    @property
    def hint(self) -> str:
        """With what the test's own callable is called; empty without one."""
        if self._options.step is not None:
            return "step= is called with the module and what inputs= makes"
        if self._options.loss is not None:
            return f"loss= is called with the output{' and the targets' if self._takes_targets else ' alone'}"
        return ""

    def of(self, arguments: Arguments) -> Tensor:
        """The loss of one batch: a scalar, and with a gradient if it is the test's own."""
        built, step, loss = self._built, self._options.step, self._options.loss
        if step is not None:
            returned = built.call(arguments, *self._given, run=partial(step, built.module))
            own = _loss_in(returned)
            return self._checked(returned if own is None else own, "step")
        output = built.call(arguments, *self._given)
        if loss is not None:
            return self._checked(loss(output, *([self._targets_for(output)] if self._takes_targets else [])), "loss")
        if not self._given and (own := _loss_in(output)) is not None and own.requires_grad:
            self._of_output = True
            return own
        return self._stand_in(output)

    def tensors(self) -> list[Tensor]:
        """Targets and labels, as far as there are any."""
        return [leaf for leaf in tree_leaves([self._targets, self._labels]) if isinstance(leaf, Tensor)]

    def _stand_in(self, output: object) -> Tensor:
        if not self._given and _is_classes(output):
            return F.cross_entropy(output.float(), self._labels_for(output))
        # Means: a sum would grow with the output's size, and with it the steps of the optimizer. As a product, since
        # the gradient of mean() is as large as the output.
        means = [tensor.float().sum() * (1 / tensor.numel()) for _, tensor in floating_tensors(output)]
        if not means:
            raise BuildError(
                f"{self._case} returns {type(output).__name__} without a floating point tensor in it in train mode, "
                "so there is nothing to go backward from; wrap the model so that it returns one"
            )
        return torch.stack(means).sum()

    def _labels_for(self, output: Tensor) -> Tensor:
        if self._labels is None:
            samples, classes = output.shape
            generator = torch.Generator().manual_seed(_SEED)
            self._labels = torch.randint(classes, (samples,), generator=generator).to(output.device)
        return self._labels

    def _targets_for(self, output: Any) -> Any:
        if self._targets is not None:
            return self._targets
        if _is_classes(output):
            return self._labels_for(output)
        raise UsageError(
            f"{self._case}: loss={self._options.name_of('loss')} takes targets, and there are none for an output that "
            "is not (N, classes); pass targets=, a function of (batch_size, generator), or step=, which has the inputs"
        )

    def _checked(self, returned: object, what: str) -> Tensor:
        """What the test's own ``what`` returned, if one can go backward from it; UsageError, which says why not."""
        who = f"{self._case}: {what}={self._options.name_of(what)} returns"
        if not isinstance(returned, Tensor):
            raise UsageError(f"{who} {type(returned).__name__}; let it return the loss, a tensor of one number")
        if returned.numel() != 1:
            raise UsageError(
                f"{who} a tensor of shape {tuple(returned.shape)}; let it return one number, such as its mean()"
            )
        if not returned.requires_grad:
            raise UsageError(
                f"{who} a loss without a gradient; let it compute the loss from what the module returns, without "
                "detach(), item() or torch.no_grad()"
            )
        return returned if returned.ndim == 0 else returned.reshape(())


def _takes_two(loss: Callable[..., Any], *, if_it_can: bool) -> bool:
    """Whether ``loss`` takes a second argument: one that it needs, and ``if_it_can`` also one with a default."""
    try:
        taken = inspect.signature(loss.forward if isinstance(loss, nn.Module) else loss).parameters.values()
    except (TypeError, ValueError):  # written in C, and without a signature
        return True
    if any(one.kind is one.VAR_POSITIONAL for one in taken):
        return True
    places = [one for one in taken if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    return len([one for one in places if if_it_can or one.default is one.empty]) > 1


def _is_classes(output: object) -> TypeGuard[Tensor]:
    return isinstance(output, Tensor) and output.ndim == 2 and output.is_floating_point()


def _loss_in(output: object) -> Tensor | None:
    """The scalar called ``loss`` in an output that has one, as a key or an attribute."""
    if isinstance(output, Tensor):
        return None
    loss = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
    return loss if isinstance(loss, Tensor) and loss.ndim == 0 and loss.is_floating_point() else None
