"""A model that can be run, on the device and in the precision it was asked for."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from pytest_modelbench.core.errors import BuildError, ModelbenchError, UsageError, hide_own_frames
from pytest_modelbench.models.graphs import graphed
from pytest_modelbench.models.inputs import Arguments, Placement
from pytest_modelbench.models.making import Recipe, made_module
from pytest_modelbench.models.modes import TRAINING_NEEDS, modes_kept, train_mode
from pytest_modelbench.models.outputs import floating_tensors, moved, not_finite
from pytest_modelbench.models.precision import backward, cast_each_time, forward_modes
from pytest_modelbench.models.seeds import seeded
from pytest_modelbench.models.sizes import side_that_fits
from pytest_modelbench.models.state import state_kept
from pytest_modelbench.models.tensors import kept_tensors, leave_inference_mode, relocate

__tracebackhide__ = hide_own_frames


#: Bytes: some hundred pages, so that what comes next has other neighbours in every cache.
_LARGEST_SPACER = 2**20
#: Modes of torch.compile with CUDA graphs.
_RECORDED = ("reduce-overhead", "max-autotune")


class BuiltModel:
    """A model with inputs of its own. Module and inputs are made on first use.

    ``case`` says what is measured, ``device`` where.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.case = recipe.case
        self.device = recipe.device
        self._recipe = recipe
        self._module: nn.Module | None = None
        self._arguments: Arguments | None = None
        self._targets: Any = None
        self._layouts = random.Random()  # every process has its own; torch's and Python's states are the test's
        self._spacers: list[Tensor] = []
        self._changes_inputs: bool | None = None  # not known before the first pass

    def __repr__(self) -> str:
        return f"<{self.case.id} on {self.device}>"

    @property
    def files(self) -> set[str]:
        """The files that the module is written in, once it or one of its likes was made."""
        return self._recipe.files

    @property
    def compile_options(self) -> Mapping[str, Any] | None:
        """torch.compile's arguments; None where it is not compiled."""
        return self._recipe.compile_options

    @property
    def channels_last(self) -> bool:
        """Whether images lie channels last in memory."""
        return self._recipe.channels_last

    @property
    def recorded(self) -> bool:
        """Whether its passes are recorded as a CUDA graph, which is replayed."""
        return self._recipe.cuda_graph

    @property
    def replayed(self) -> bool:
        """Whether torch.compile records what it makes as CUDA graphs, which are replayed."""
        return (self.compile_options or {}).get("mode") in _RECORDED

    @property
    def module(self) -> nn.Module:
        """The module: seeded, in eval mode, on its device. torch's random state is left as it was."""
        if self._module is None:
            try:
                self._module = made_module(self._recipe, lambda: self.arguments)
            except ModelbenchError:
                raise
            except Exception as error:
                raise self._refusal("cannot be built", error, "check the arguments that are passed on to it") from error
        return self._module

    @property
    def arguments(self) -> Arguments:
        """What the module is called with: the same numbers on every device, on meta none."""
        if self._arguments is None:
            placement = Placement(self.device, self._recipe.dtype, self._recipe.channels_last)
            try:
                self._arguments = self._recipe.source.arguments(self.case.batch_size, self._recipe.seed, placement)
            except RuntimeError as error:
                raise self._refusal("cannot get its inputs", error, "check the device") from error
        return self._arguments

    @property
    def inputs(self) -> tuple[Any, ...]:
        """Positional `arguments`: one ``(N, C, H, W)`` tensor of noise, unless ``inputs=`` made others."""
        return self.arguments.positional

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the images that go in; raises UsageError for a model that takes something else."""
        size = self.case.image_size or self.arguments.image_size
        if size is None:
            raise UsageError(
                f"{self.case.id} was built with inputs= of its own, and images cannot be fed to it here; build it "
                "without inputs= for that, or label and score its samples in the test (modelbench.record)"
            )
        return size

    @property
    def targets(self) -> Any:
        """What the module is trained on besides `inputs`, seeded, on its device; None: it takes images alone."""
        make = self._recipe.source.targets
        if self._targets is None and make is not None:
            made = make(self.case.batch_size, self.image_size, self._recipe.seed)
            self._targets = moved(made, self.device)
        return self._targets

    @property
    def num_classes(self) -> int:
        """How many classes the module tells apart; raises UsageError if it does not say so."""
        count = getattr(self.module, "num_classes", None)
        if not isinstance(count, int):
            raise UsageError(
                f"{self.case.id}: {type(self.module).__name__} does not say how many classes it has; give it an "
                "attribute num_classes, as timm's models have"
            )
        return count

    def tensors(self, *, training: bool = False) -> tuple[Tensor, ...]:
        """What a pass is of, alive before it: parameters, buffers, inputs, and for ``training`` targets."""
        targets = tree_leaves(self.targets) if training else []
        held = (leaf for leaf in targets if isinstance(leaf, Tensor))
        return (*self.module.parameters(), *self.module.buffers(), *self.arguments.tensors(), *held)

    def kept_tensors(self) -> Iterator[Tensor]:
        """What else is alive on the device: tensors that parts keep as attributes, such as tables that they made."""
        return (tensor for tensor in kept_tensors(self.module) if tensor.device.type == self.device.type)

    def forward(self) -> Any:
        """Output of one seeded forward pass without gradients, in inference mode from the second on.

        In the first, a module may make what it keeps, such as tables for this size; from there on it finds them. Does
        not wait for the device.
        """
        return self._run(self.arguments)

    @contextmanager
    def inference(self) -> Iterator[Callable[[], Any]]:
        """A callable that does what `forward` does and no more. With ``cuda_graph`` it replays what that did once."""
        with self.passes() as run:
            if not self._recipe.cuda_graph:
                yield run
                return
            with graphed(run, self.case.id, self.device) as replay:
                yield replay

    @contextmanager
    def passes(self) -> Iterator[Callable[[], Any]]:
        """A callable that does what `forward` does and no more: inference mode is entered once, around all calls.

        For timing: entering it costs 2 us a call. Autocast is entered in each, as it casts the weights. A module that
        changes its inputs gets copies, which count.
        """
        if self._changes_inputs is None:
            self.forward()
        module = self.module
        try:
            with torch.inference_mode():
                given = self.arguments
                run: Callable[[], Any] = partial(module, *given.positional, **given.keywords)
                if self._changes_inputs:
                    run = partial(lambda: given.copies().call(module))
                yield cast_each_time(run, self.case.precision, self.device)
        finally:
            leave_inference_mode(module)

    def as_found(self) -> AbstractContextManager[None]:
        """Within, the module may change by being used; afterwards it is what it was. See `models.state.state_kept`."""
        return state_kept(self.module, self.tensors())

    def renew(self) -> None:
        """Move everything that is alive before a pass to other places in memory, on the CPU.

        How fast a model runs depends on where its tensors happen to lie. Values stay, and who shares memory with whom.
        """
        if self.device.type != "cpu" or self._recipe.compile_options is not None:
            return
        # What is allocated next comes to lie elsewhere.
        self._spacers.append(torch.empty(self._layouts.randrange(1, _LARGEST_SPACER), dtype=torch.uint8))
        relocate(chain(self.tensors(), self.kept_tensors()))

    def predict(self, images: Tensor) -> Any:
        """Output for ``images``, ``(N, C, H, W)`` on any device, moved to where and what the model computes in."""
        _ = self.image_size  # it takes images
        placed = Placement(self.device, self._recipe.dtype, self._recipe.channels_last).of(images)
        if self.case.image_size is None:  # they may go in by a name
            return self._run(self.arguments.mapped(lambda _: placed))
        return self._run(Arguments((placed,)))

    def call(self, given: Arguments, *more: Any, run: Callable[..., Any] | None = None) -> Any:
        """What the module makes of ``given``; of copies, unless it is known to leave alone what it is given.

        ``run`` is what is called in the module's place.
        """
        run = run or self.module
        # There is nothing in meta tensors that could change, and copies would count in the peak.
        if self.device.type == "meta" or self._changes_inputs is False:
            return given.call(run, *more)
        fed = given.copies()
        output = fed.call(run, *more)
        if self._changes_inputs is None:
            self._changes_inputs = not fed.equals(given)
        return output

    def forward_backward(self) -> None:
        """Run forward and backward in train mode; the gradients are dropped. Does not wait for the device.

        The loss is the sum of all floating outputs. Running statistics of normalization layers move, as in training.
        """
        module = self.module
        targets = [self.targets] if self.targets is not None else []
        try:
            with modes_kept(module), torch.inference_mode(False), torch.enable_grad():
                train_mode(module, self.case.id)
                with forward_modes(self.case.precision, self.device):
                    loss = self._loss(self.call(self.arguments, *targets))
                backward(loss, self.case.precision, self.device)
        except ModelbenchError:
            raise
        except Exception as error:
            raise self._refusal("cannot be trained", error, self._size_hint() or TRAINING_NEEDS) from error
        finally:
            module.zero_grad(set_to_none=True)

    def on_meta(self) -> BuiltModel:
        """This model on the meta device: shapes without values. Never compiled, and without trained weights."""
        return self._bare(torch.device("meta"))

    def on_cpu(self) -> BuiltModel:
        """This model on the CPU, to be followed as on meta: never compiled, and without trained weights."""
        return self._bare(torch.device("cpu"))

    def _bare(self, device: torch.device) -> BuiltModel:
        source = replace(self._recipe.source, make=self._recipe.source.make_bare)
        bare = replace(
            self._recipe, device=device, source=source, compile_options=None, cuda_graph=False, checkpoint=None
        )
        return BuiltModel(replace(bare, followed=True))

    def check_output(self, output: object) -> None:
        """Raise BuildError if a floating tensor in ``output`` holds NaN or infinity; waits for the device."""
        if findings := not_finite(output):
            raise BuildError(
                f"{self.case.id} on {self.device} returns values that are not finite: {'; '.join(findings)}; "
                "try precision='fp32', or other weights"
            )

    def _run(self, given: Arguments) -> Any:
        module, first = self.module, self._changes_inputs is None
        try:
            with forward_modes(self.case.precision, self.device):
                if first and self._recipe.compile_options is not None:
                    # Compiled code holds for one mode of gradients: what is kept is made without it.
                    with torch.no_grad(), seeded(self._recipe.seed, self.device):
                        _eager(module, given.copies())
                    first = False
                plain = first or self._recipe.followed
                with (
                    torch.no_grad() if plain else torch.inference_mode(),
                    seeded(self._recipe.seed, self.device),
                ):
                    output = self.call(given)
        except ModelbenchError:
            raise
        except Exception as error:
            raise self._refusal("cannot be run", error, self._size_hint()) from error
        if not plain:
            leave_inference_mode(module)
        return output

    def _loss(self, output: object) -> Tensor:
        sums = [tensor.float().sum() for _, tensor in floating_tensors(output)]
        if not sums:
            raise BuildError(
                f"{self.case.id} returns {type(output).__name__} without a floating point tensor in it in train mode, "
                "so there is nothing to go backward from; wrap the model so that it returns one"
            )
        loss = torch.stack(sums).sum()
        if not loss.requires_grad:
            raise BuildError(
                f"{self.case.id} has no parameters that take a gradient, so there is nothing to go backward from; "
                "measure its forward pass alone"
            )
        return loss

    def _size_hint(self) -> str:
        """The way out if images of this size are what it fails at; told by running it on others, without values."""
        if self.case.image_size is None or self.device.type == "meta":
            return ""
        bare = self.on_meta()
        try:
            side = side_that_fits(bare.module, bare.arguments.tensors()[0])
        except BuildError:  # it cannot be made there
            return ""
        if side is None:
            return ""
        height, width = self.case.image_size
        return (
            f"images of {height}x{width} do not fit it, those of {side}x{side} do: pass image_size={side}, or have it "
            "built for another size (img_size=... for a ViT)"
        )

    def _refusal(self, what: str, error: Exception, hint: str = "") -> BuildError:
        if isinstance(error, torch.OutOfMemoryError):
            size = "" if self.case.image_size is None else " or image_size (it is {}x{})".format(*self.case.image_size)
            hint = f"pass a smaller batch_size (it is {self.case.batch_size}){size}"
        said = f"{type(error).__name__}: {error}".rstrip()
        return BuildError(f"{self.case.id} {what} on {self.device}: {said}" + (f"; {hint}" if hint else ""))


def _eager(module: nn.Module, given: Arguments) -> None:
    """Run ``module`` past what was compiled of it."""
    module._call_impl(*given.positional, **given.keywords)  # type: ignore[no-untyped-call]
