"""A model that can be run, on the device and in the precision it was asked for."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_leaves

from pytest_modelbench.core.case import Case
from pytest_modelbench.core.errors import BuildError, ModelbenchError, UsageError, hide_own_frames
from pytest_modelbench.models.inputs import seeded_images
from pytest_modelbench.models.outputs import floating_tensors, moved, not_finite
from pytest_modelbench.models.owned import made_afresh
from pytest_modelbench.models.precision import STORAGE_DTYPES, backward, forward_modes
from pytest_modelbench.models.seeds import seeded
from pytest_modelbench.models.tensors import leave_inference_mode, placed, relocate
from pytest_modelbench.models.weights import SAMPLES, lite0_state_dict, load_checkpoint

if TYPE_CHECKING:
    from pytest_modelbench.models.sources import ModelSource  # brings timm, which a callable does without

__tracebackhide__ = hide_own_frames


#: Bytes: some hundred pages, so that what comes next has other neighbours in every cache.
_LARGEST_SPACER = 2**20


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that a built model is made from, checked."""

    case: Case
    device: torch.device
    source: ModelSource
    channels_last: bool = False
    compile_options: Mapping[str, Any] | None = None
    checkpoint: str | Path | None = None
    seed: int = 0
    followed: bool = False  #: operator by operator: never in inference mode, which keeps what they are composed of


class BuiltModel:
    """A model with inputs of its own. Module and inputs are made on first use.

    ``case`` says what is measured, ``device`` where.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.case = recipe.case
        self.device = recipe.device
        self._recipe = recipe
        self._dtype = STORAGE_DTYPES[recipe.case.precision]
        self._module: nn.Module | None = None
        self._inputs: tuple[Tensor, ...] | None = None
        self._targets: Any = None
        self._layouts = random.Random()  # every process has its own; torch's and Python's states are the test's
        self._spacers: list[Tensor] = []
        self._changes_inputs: bool | None = None  # not known before the first pass

    def __repr__(self) -> str:
        return f"<{self.case.id} on {self.device}>"

    @property
    def module(self) -> nn.Module:
        """The module: seeded, in eval mode, on its device. torch's random state is left as it was."""
        if self._module is None:
            try:
                # Parameters made under inference mode, in the middle of a forward pass, could never be trained.
                with torch.inference_mode(False), torch.enable_grad():
                    made = self._meta_module() if self.device.type == "meta" else self._real_module()
                    self._materialize(made)
                self._module = made
            except ModelbenchError:
                raise
            except Exception as error:
                raise self._refusal("cannot be built", error, "check the arguments that are passed on to it") from error
        return self._module

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """One ``(N, C, H, W)`` tensor of noise: the same numbers on every device, on meta none."""
        if self._inputs is None:
            shape = (self.case.batch_size, self._recipe.source.channels, *self.case.image_size)
            try:
                images = seeded_images(
                    shape,
                    seed=self._recipe.seed,
                    device=self.device,
                    dtype=self._dtype,
                    channels_last=self._recipe.channels_last,
                )
            except RuntimeError as error:
                raise self._refusal("cannot get its inputs", error, "check the device") from error
            self._inputs = (images,)
        return self._inputs

    @property
    def targets(self) -> Any:
        """What the module is trained on besides `inputs`, seeded, on its device; None: it takes images alone."""
        make = self._recipe.source.targets
        if self._targets is None and make is not None:
            made = make(self.case.batch_size, self.case.image_size, self._recipe.seed)
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
        """Everything that is alive before a pass: parameters, buffers, inputs, and for ``training`` targets."""
        targets = tree_leaves(self.targets) if training else []
        held = (leaf for leaf in targets if isinstance(leaf, Tensor))
        return (*self.module.parameters(), *self.module.buffers(), *self.inputs, *held)

    def forward(self) -> Any:
        """Output of one seeded forward pass without gradients, in inference mode from the second on.

        In the first, a module may make what it keeps, such as tables for this size; from there on it finds them. Does
        not wait for the device.
        """
        return self._run(self.inputs)

    @contextmanager
    def inference(self) -> Iterator[Callable[[], Any]]:
        """A callable that does what `forward` does and no more: its modes are entered once, around all calls.

        For timing: entering them costs 2 us a call. A module that changes its inputs gets copies, which count.
        """
        if self._changes_inputs is None:
            self.forward()
        module = self.module
        try:
            with torch.inference_mode(), forward_modes(self.case.precision, self.device):
                if self._changes_inputs:
                    yield lambda: module(*_copies(self.inputs))
                else:
                    yield partial(module, *self.inputs)
        finally:
            leave_inference_mode(module)

    def renew(self) -> None:
        """Move parameters, buffers and inputs to other places in memory, on the CPU.

        How fast a model runs depends on where its tensors happen to lie. Values stay, and who shares memory with whom.
        """
        if self.device.type != "cpu" or self._recipe.compile_options is not None:
            return
        # What is allocated next comes to lie elsewhere.
        self._spacers.append(torch.empty(self._layouts.randrange(1, _LARGEST_SPACER), dtype=torch.uint8))
        relocate(self.tensors())

    def predict(self, images: Tensor) -> Any:
        """Output for ``images``, ``(N, C, H, W)`` on any device, moved to where and what the model computes in."""
        memory_format = torch.channels_last if self._recipe.channels_last else torch.contiguous_format
        return self._run((images.to(device=self.device, dtype=self._dtype, memory_format=memory_format),))

    def forward_backward(self) -> None:
        """Run forward and backward in train mode; the gradients are dropped. Does not wait for the device.

        The loss is the sum of all floating outputs. Running statistics of normalization layers move, as in training.
        """
        module = self.module
        fed = self._fed(self.inputs)
        targets = [self.targets] if self.targets is not None else []
        modes = [(part, part.training) for part in module.modules()]
        try:
            module.train()
            with torch.inference_mode(False), torch.enable_grad():
                with forward_modes(self.case.precision, self.device):
                    output = module(*fed, *targets)
                    loss = self._loss(output)
                del output
                self._learn(fed, self.inputs)
                backward(loss, self.case.precision, self.device)
        except ModelbenchError:
            raise
        except Exception as error:
            raise self._refusal("cannot be trained", error, self._size_hint()) from error
        finally:
            module.zero_grad(set_to_none=True)
            for part, training in modes:
                part.training = training

    def on_meta(self) -> BuiltModel:
        """This model on the meta device: shapes without values. Never compiled, and without trained weights."""
        return self._bare(torch.device("meta"))

    def on_cpu(self) -> BuiltModel:
        """This model on the CPU, to be followed as on meta: never compiled, and without trained weights."""
        return self._bare(torch.device("cpu"))

    def _bare(self, device: torch.device) -> BuiltModel:
        source = replace(self._recipe.source, make=self._recipe.source.make_bare)
        bare = replace(self._recipe, device=device, source=source, compile_options=None, checkpoint=None)
        return BuiltModel(replace(bare, followed=True))

    def check_output(self, output: object) -> None:
        """Raise BuildError if a floating tensor in ``output`` holds NaN or infinity; waits for the device."""
        if findings := not_finite(output):
            raise BuildError(
                f"{self.case.id} on {self.device} returns values that are not finite: {'; '.join(findings)}; "
                "try precision='fp32', or other weights"
            )

    def _run(self, inputs: tuple[Tensor, ...]) -> Any:
        module, first = self.module, self._changes_inputs is None
        fed = self._fed(inputs)
        try:
            with forward_modes(self.case.precision, self.device):
                if first and self._recipe.compile_options is not None:
                    # Compiled code holds for one mode of gradients: what is kept is made without it.
                    with torch.no_grad(), seeded(self._recipe.seed, self.device):
                        module._call_impl(*_copies(inputs))  # type: ignore[no-untyped-call]
                    first = False
                plain = first or self._recipe.followed
                with (
                    torch.no_grad() if plain else torch.inference_mode(),
                    seeded(self._recipe.seed, self.device),
                ):
                    output = module(*fed)
        except ModelbenchError:
            raise
        except Exception as error:
            raise self._refusal("cannot be run", error, self._size_hint()) from error
        self._learn(fed, inputs)
        if not plain:
            leave_inference_mode(module)
        return output

    def _fed(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """What to run the module on: copies, unless it is known to leave alone what it is given."""
        # There is nothing in meta tensors that could change, and copies would count in the peak.
        return inputs if self.device.type == "meta" or self._changes_inputs is False else _copies(inputs)

    def _learn(self, fed: tuple[Tensor, ...], inputs: tuple[Tensor, ...]) -> None:
        if self._changes_inputs is None and self.device.type != "meta":
            self._changes_inputs = not all(map(torch.equal, fed, inputs))

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

    def _real_module(self) -> nn.Module:
        recipe = self._recipe
        with seeded(recipe.seed, self.device):
            module = self._made(recipe.source.make)
        if recipe.checkpoint == SAMPLES:
            module.load_state_dict(lite0_state_dict(module))
        elif recipe.checkpoint is not None:
            load_checkpoint(module, recipe.checkpoint)
        module = self._placed(_evaluating(module))
        if recipe.compile_options is not None:
            # In place: attributes and parameter names stay those of the model.
            module.compile(**recipe.compile_options)
        return module

    def _meta_module(self) -> nn.Module:
        make = self._recipe.source.make_bare
        try:
            with torch.device("meta"):
                module = self._made(make)
        except BuildError:
            raise
        except Exception:
            # Some constructors read values (`linspace(...).item()`), which meta tensors do not have: build for real.
            with seeded(self._recipe.seed, torch.device("cpu")):
                module = self._made(make)
        return self._placed(_evaluating(module))

    def _materialize(self, module: nn.Module) -> None:
        """Give the parameters of lazy modules the shape that they take from what they see first."""
        if any(map(is_lazy, chain(module.parameters(), module.buffers()))):
            with torch.no_grad(), seeded(self._recipe.seed, self.device):
                module(*_copies(self.inputs))

    def _placed(self, module: nn.Module) -> nn.Module:
        module = placed(module, self.device, self._dtype)
        if self._recipe.channels_last:
            module = module.to(memory_format=torch.channels_last)
        return module

    def _made(self, make: Callable[[], object]) -> nn.Module:
        made = made_afresh(make)
        if not isinstance(made, nn.Module):
            raise BuildError(
                f"{self.case.id}: the builder returns {type(made).__name__}, not a torch.nn.Module; let it return one"
            )
        return made

    def _size_hint(self) -> str:
        height, width = self.case.image_size
        return f"if the image size ({height}x{width}) is the cause, pass image_size=..., or img_size=... for a ViT"

    def _refusal(self, what: str, error: Exception, hint: str) -> BuildError:
        height, width = self.case.image_size
        if isinstance(error, torch.OutOfMemoryError):
            hint = f"pass a smaller batch_size (it is {self.case.batch_size}) or image_size (it is {height}x{width})"
        return BuildError(f"{self.case.id} {what} on {self.device}: {type(error).__name__}: {error}; {hint}")


def _copies(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    # Ordinary tensors, wherever they are asked for: those of inference mode could not be trained on.
    with torch.inference_mode(False):
        return tuple(tensor.clone() for tensor in inputs)


def _evaluating(module: nn.Module) -> nn.Module:
    # What torch.export made is of one mode, and refuses to be told another.
    with suppress(NotImplementedError):
        module.eval()
    return module
