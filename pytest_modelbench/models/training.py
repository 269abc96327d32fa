"""One training step of a built model in three phases: forward with the loss, backward, optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import chain
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from pytest_modelbench.core.errors import BuildError, MeasureError, ModelbenchError, UsageError, hide_own_frames
from pytest_modelbench.core.train_options import TrainOptions
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.inputs import Arguments
from pytest_modelbench.models.losses import Objective
from pytest_modelbench.models.modes import TRAINING_NEEDS, modes_kept, train_mode
from pytest_modelbench.models.precision import backward, forward_modes
from pytest_modelbench.models.state import state_kept

__tracebackhide__ = hide_own_frames

PHASES = ("forward", "backward", "optimizer")
#: GradScaler starts at 2^16 and halves with each step that it skips; gradients of float16 that are finite at all are so
#: long before it comes down to this.
_LEAST_SCALE = 1.0


class TrainStep:
    """A step of training, to be taken again and again: ``with TrainStep(built) as step: step()``.

    Inside the ``with`` statement the module is in train mode and its weights move; afterwards it is what it was before,
    modes included, and gradients are gone. For that a copy of all values is kept in the host's memory. The global
    random state moves on, as in any training.

    The loss is that of `losses.Objective`. Every step sees the same images: ``"noise"``, the model's own inputs, or
    ``"ones"`` whose gradient is computed, too, and then dropped. With ``accumulate`` it is so many times that batch,
    one after the other, each with its part in the loss, and then one step of the optimizer.

    Gradients of weights stay until the next backward pass begins, so that from the second step on they and the
    optimizer's state are alive in the forward pass. Nothing waits for the device, except that the GradScaler (amp-fp16
    on CUDA) asks it in each step whether gradients are finite.
    """

    def __init__(self, built: BuiltModel, options: TrainOptions | None = None) -> None:
        self.options = options or TrainOptions()
        self.case = self.options.case(built.case)
        self.steps = 0  #: taken so far
        self._built = built
        self._stack = ExitStack()
        self._optimizer: torch.optim.Optimizer | None = None
        self._arguments = Arguments()
        self._objective: Objective | None = None
        self._batch = 0  # of this step, counted in backward passes
        self._pending: Tensor | None = None
        self._loss: Tensor | None = None
        scaled = built.case.precision == "amp-fp16" and built.device.type == "cuda"
        self._scaler = torch.amp.GradScaler("cuda", enabled=scaled)

    @property
    def images(self) -> int:
        """How many images one step handles."""
        return self.case.batch_size * self.options.accumulate

    @property
    def recipe(self) -> str:
        """What of the loss is the test's or the module's own, once a step was taken; see `losses.Objective.recipe`."""
        return self._objective.recipe if self._objective else ""

    def __enter__(self) -> TrainStep:
        built = self._built
        if self._optimizer is not None:
            raise UsageError(f"{self.case.id}: this train step is entered already")
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            stack.enter_context(_kept(built))
            train_mode(built.module, self.case.id)
            self._arguments = built.arguments
            if self.options.input == "ones":
                _ = built.image_size  # it takes images
                # In place of the noise: beside it they would count in the peak.
                self._arguments = built.arguments.mapped(lambda images: images.fill_(1.0).detach().requires_grad_())
            self._objective = Objective(built, self.options, self.case.id)
            self._optimizer = self._new_optimizer()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._optimizer = self._pending = None
        self._arguments = Arguments()
        self._stack.close()

    def __call__(self, mark: Callable[[str], object] | None = None) -> None:
        """One whole step; ``mark`` is called with the name of each phase as it ends, as often as it ends.

        Raises BuildError, naming the case and the way out, if the model cannot be trained.
        """
        mark = mark or _unmarked
        try:
            for _ in range(self.options.accumulate):
                self.forward()
                mark("forward")
                self.backward()
                mark("backward")
            self.optimize()
            mark("optimizer")
        except ModelbenchError:
            raise
        except Exception as error:
            hint = (
                f"pass a smaller batch_size (it is {self.case.batch_size}), and accumulate=... to make up for it"
                if isinstance(error, torch.OutOfMemoryError)
                else (self._objective and self._objective.hint) or TRAINING_NEEDS
            )
            raise BuildError(
                f"{self.case.id} cannot be trained on {self._built.device}: {type(error).__name__}: {error}; {hint}"
            ) from error

    def forward(self) -> None:
        """The loss of one batch, kept for `backward`."""
        self._entered()
        built = self._built
        self._loss = None
        assert self._objective is not None  # made where the step is entered
        with forward_modes(built.case.precision, built.device):
            self._pending = self._objective.of(self._arguments)

    def backward(self) -> None:
        """Gradients of the loss that `forward` kept, added to those of the step's earlier batches."""
        optimizer, built, loss = self._entered(), self._built, self._pending
        if loss is None:
            raise UsageError(f"{self.case.id}: there is no loss to go backward from; call forward() before")
        if self._batch == 0:
            optimizer.zero_grad(set_to_none=self.options.drops_gradients)
        self._batch += 1
        self._pending, self._loss = None, loss.detach()
        if self.options.accumulate > 1:
            loss = loss / self.options.accumulate
        loss = self._scaler.scale(loss)
        backward(loss, built.case.precision, built.device)
        for tensor in self._arguments.tensors():
            tensor.grad = None
        if self.steps == 0 and self.options.recipe and not any(one.grad is not None for one in self._trained()):
            raise UsageError(
                f"{self.case.id}: the loss depends on none of the module's parameters; compute it from what the module "
                "that is handed over returns, and not from another one"
            )

    def optimize(self) -> None:
        """A step of the optimizer along the gradients."""
        optimizer = self._entered()
        self._scaler.step(optimizer)
        self._scaler.update()
        self._batch = 0
        self.steps += 1

    def tensors(self) -> Iterator[Tensor]:
        """Everything alive between two steps: what the model holds, gradients, optimizer's state, targets, loss.

        One by one, and none of them is held on to: a collection would keep gradients alive that the next step drops.
        """
        optimizer = self._entered()
        trained = (*self._built.tensors(), *self._arguments.tensors())
        state = [*tree_leaves(list(optimizer.state.values())), *(self._objective.tensors() if self._objective else ())]
        return chain(
            trained,
            self._built.kept_tensors(),
            (tensor.grad for tensor in trained if tensor.grad is not None),
            (leaf for leaf in state if isinstance(leaf, Tensor)),
            (loss for loss in (self._loss,) if loss is not None),
        )

    @property
    def optimizer_state(self) -> Mapping[Tensor, Any]:
        """What the optimizer keeps of each parameter."""
        state: Mapping[Tensor, Any] = self._entered().state
        return state

    def check_loss(self) -> float | None:
        """The last batch's loss; None without a step or on meta. Waits for the device.

        Raises MeasureError, naming the step, if it is not finite, or if the GradScaler skips all steps.
        """
        if self._loss is None or self._loss.is_meta:
            return None
        loss = float(self._loss)
        own = f", or look at {self.recipe}" if self.recipe else ""
        way_out = f"try precision='fp32' or 'amp-bf16', a smaller lr, or other weights{own}"
        if not math.isfinite(loss):
            raise MeasureError(f"{self.case.id}: the loss is {loss} in train step {self.steps}; {way_out}")
        if self._scaler.is_enabled() and self._scaler.get_scale() < _LEAST_SCALE:
            raise MeasureError(
                f"{self.case.id}: the gradients are not finite up to train step {self.steps}, so that the optimizer's "
                f"steps are skipped; {way_out}"
            )
        return loss

    def _entered(self) -> torch.optim.Optimizer:
        if self._optimizer is None:
            raise UsageError(f"{self.case.id}: a train step is taken inside its with statement: with TrainStep(...) as")
        return self._optimizer

    def _trained(self) -> list[nn.Parameter]:
        return [parameter for parameter in self._built.module.parameters() if parameter.requires_grad]

    def _new_optimizer(self) -> torch.optim.Optimizer:
        parameters = self._trained()
        if not parameters:
            raise BuildError(f"{self.case.id} has no parameters that take a gradient, so there is nothing to train")
        # All weights in one go is the default on CUDA alone. AdamW has temporary tensors then, and meta predicts CUDA.
        foreach = True if self._built.device.type == "meta" else None
        if self.options.optimizer == "adamw":
            return torch.optim.AdamW(parameters, lr=self.options.lr, foreach=foreach)
        return torch.optim.SGD(parameters, lr=self.options.lr, momentum=self.options.momentum, foreach=foreach)


def _unmarked(phase: str) -> None:
    """Nobody wants to know when a phase ends."""


@contextmanager
def _kept(built: BuiltModel) -> Iterator[None]:
    """Puts back what the module is, values of inputs, and modes of all parts; drops gradients."""
    with state_kept(built.module, built.tensors(training=True)), modes_kept(built.module):
        try:
            yield
        finally:
            built.module.zero_grad(set_to_none=True)
