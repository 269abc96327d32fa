"""How a model is trained when its training step is measured, and what of it shows in the case."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from pytest_modelbench.core.callables import identity, short_name
from pytest_modelbench.core.case import Case
from pytest_modelbench.core.errors import UsageError, did_you_mean, hide_own_frames

__tracebackhide__ = hide_own_frames

OPTIMIZERS = ("sgd", "adamw")
INPUTS = ("noise", "ones")
GRADIENTS = ("dropped", "zeroed")
_OWN = ("loss", "step", "targets")
#: So small that thousands of steps on one batch leave the weights where they are: a loss that runs away, or a detector
#: that finds more from step to step, would change what a step costs.
LEARNING_RATE = 1e-6
#: Momentum of SGD in the recipes that models are trained by.
MOMENTUM = 0.9


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """How a model is trained. Raises UsageError for what makes no sense.

    With SGD, its momentum and an ``input`` of ones this is the protocol of the speed and memory comparison. Its ones
    take part in the gradient, and their own gradient is dropped: the published peaks hold none.

    ``loss``, ``step`` and ``targets`` are the test's own: see `models.losses.Objective`.
    """

    optimizer: str = "sgd"
    momentum: float = MOMENTUM  #: of SGD
    lr: float = LEARNING_RATE
    input: str = "noise"
    accumulate: int = 1
    #: What becomes of gradients before a backward pass. By default they are dropped, as PyTorch does; with ones they
    #: are zeroed in place, as it did when the speed and memory comparison was made: the new gradient of VGG's first
    #: linear layer, 400 MB, is then alive beside the old one, and so the published peak has it.
    gradients: str | None = None
    loss: Callable[..., Any] | None = None  #: ``(output)`` or ``(output, targets)`` to a tensor of one number
    step: Callable[..., Any] | None = None  #: ``(module, *inputs)`` to the loss, forward pass included
    targets: Callable[..., Any] | None = None  #: ``(batch_size, generator)`` to what ``loss`` takes second, on the CPU

    def __post_init__(self) -> None:
        for what, choice, known in (
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("input", self.input, INPUTS),
            ("gradients", self.gradients or GRADIENTS[0], GRADIENTS),
        ):
            if choice not in known:
                raise UsageError(f"train step: {what}={choice!r} is none of {', '.join(known)}")
        for what in _OWN:
            if (own := getattr(self, what)) is not None and not callable(own):
                raise UsageError(f"train step: {what}={own!r} is not a function")
        if self.step is not None and (self.loss is not None or self.targets is not None):
            raise UsageError(
                "train step: step= returns the loss itself, so that loss= and targets= have no place beside it; let "
                "inputs= make what step= needs"
            )
        if self.targets is not None and self.loss is None:
            raise UsageError("train step: targets= are for loss=, which takes them second; give that as well")
        if not (isinstance(self.accumulate, int) and self.accumulate >= 1):
            raise UsageError(f"train step: accumulate={self.accumulate!r}: write a whole number of batches, 1 or more")
        if not 0 <= self.momentum < 1:
            raise UsageError(f"train step: momentum={self.momentum!r} is not from 0 up to 1")
        if not 0 < self.lr < math.inf:
            raise UsageError(f"train step: lr={self.lr!r} is not a positive number")

    @property
    def drops_gradients(self) -> bool:
        """Whether gradients are dropped before a backward pass, and not zeroed in place."""
        return (self.gradients or self._usual_gradients) == "dropped"

    @property
    def _usual_gradients(self) -> str:
        return "dropped" if self.input == "noise" else "zeroed"

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> TrainOptions:
        """Those that a test gives by name; UsageError for a name that is none of them."""
        known = [one.name for one in fields(cls)]
        for name in options:
            if name not in known:
                near = did_you_mean(name, known)
                raise UsageError(f"train step: there is no option {name!r}.{near} There are {', '.join(known)}")
        return cls(**options)

    @property
    def recipe(self) -> str:
        """What tells the loss from any other: how the test's own callables are known; empty without."""
        own = {what: getattr(self, what) for what in _OWN}
        return " ".join(f"{what}={identity(given)}" for what, given in own.items() if given is not None)

    def name_of(self, what: str) -> str:
        """What messages call the test's own ``loss`` or ``step``."""
        return short_name(getattr(self, what))

    def case(self, case: Case) -> Case:
        """The case of a train step of ``case``'s model; what decides its cost shows, unless it is at its default."""
        parts = [case.technique] if case.technique else []
        if self.optimizer != "sgd":
            parts.append(self.optimizer)
        elif self.momentum != MOMENTUM:
            parts.append(f"momentum={self.momentum:g}")
        parts += [f"input={self.input}"] if self.input != "noise" else []
        parts += [f"gradients={self.gradients}"] if self.gradients not in (None, self._usual_gradients) else []
        parts += [f"accumulate={self.accumulate}"] if self.accumulate > 1 else []
        parts += [f"{what}={self.name_of(what)}" for what in ("loss", "step") if getattr(self, what) is not None]
        return replace(case, mode="train", technique="+".join(parts))
