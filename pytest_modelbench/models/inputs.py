"""What a model is called with when only its speed, size and numerics matter: noise, or what its test makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import torch
from torch import Tensor
from torch.utils._pytree import MappingKey, SequenceKey, tree_flatten_with_path, tree_leaves, tree_map_only

from pytest_modelbench.core.errors import BuildError, UsageError, hide_own_frames
from pytest_modelbench.models.seeds import seeded

__tracebackhide__ = hide_own_frames

#: What a sample of so many dimensions is: (C, H, W) or (C, T, H, W).
_KINDS = {3: "images", 4: "clips"}

_TARGETS_SEED = 0

#: ``(batch_size, generator)`` to a tensor, a tuple of arguments, or a dict of keyword arguments, on the CPU.
InputMaker = Callable[[int, torch.Generator], Any]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where inputs lie, and how."""

    device: torch.device
    dtype: torch.dtype = torch.float32  #: of floating point tensors
    channels_last: bool = False

    def of(self, tensor: Tensor) -> Tensor:
        """``tensor`` there; whole numbers, booleans and complex numbers keep their type."""
        dtype = self.dtype if tensor.is_floating_point() else None
        last = self.channels_last and tensor.is_floating_point() and tensor.ndim == 4
        memory_format = torch.channels_last if last else torch.preserve_format
        return tensor.to(device=self.device, dtype=dtype, memory_format=memory_format)


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a module is called with: ``module(*positional, **keywords)``."""

    positional: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)

    def call(self, module: Callable[..., Any], *more: Any) -> Any:
        """The module's output; ``more`` comes after the positional arguments."""
        return module(*self.positional, *more, **self.keywords)

    def tensors(self) -> tuple[Tensor, ...]:
        """All tensors in it, in order."""
        leaves = tree_leaves((self.positional, dict(self.keywords)))
        return tuple(leaf for leaf in leaves if isinstance(leaf, Tensor))

    def mapped(self, change: Callable[[Tensor], Tensor]) -> Arguments:
        """The same with ``change(tensor)`` in each tensor's place."""
        positional, keywords = tree_map_only(Tensor, change, (self.positional, dict(self.keywords)))
        return Arguments(positional, keywords)

    def copies(self) -> Arguments:
        """The same of tensors that nobody else has."""
        # Ordinary ones, wherever they are asked for: those of inference mode could not be trained on.
        with torch.inference_mode(False):
            return self.mapped(torch.clone)

    def equals(self, other: Arguments) -> bool:
        """Whether ``other``, of the same make, holds the same values; waits for the device."""
        return all(map(torch.equal, self.tensors(), other.tensors()))

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Height and width of the images in it, where it is ``(N, C, H, W)`` and nothing else."""
        tensors = self.tensors()
        leaves = tree_leaves((self.positional, dict(self.keywords)))
        if len(leaves) != 1 or len(tensors) != 1 or tensors[0].ndim != 4 or not tensors[0].is_floating_point():
            return None
        return tensors[0].shape[2], tensors[0].shape[3]

    def shape(self, batch_size: int) -> str:
        """What goes in for one sample, ``3x32x32``, ``image=3x32x32+mask=32x32``: for the name of a case.

        What is alike is told once, with its number unless that is the batch's.
        """
        leaves, _ = tree_flatten_with_path((self.positional, dict(self.keywords)))
        parts = Counter(_named(path) + _sides(path, one, batch_size) for path, one in leaves if isinstance(one, Tensor))
        return "+".join(part if count in (1, batch_size) else f"{count}*{part}" for part, count in parts.items())

    def samples(self, batch_size: int) -> str:
        """What a batch is of: ``images`` (C, H, W), ``clips`` (C, T, H, W), or ``samples`` of any kind.

        Told by the one tensor that goes in, or by a list of such of one sample each, as detectors take them.
        """
        leaves, _ = tree_flatten_with_path((self.positional, dict(self.keywords)))
        tensors = [(path, one) for path, one in leaves if isinstance(one, Tensor)]
        listed = [_of_one_sample(path) for path, _ in tensors]
        if len(tensors) == 1 and not any(listed) and _is_batch(tensors[0][1], batch_size):
            return _KINDS.get(tensors[0][1].ndim - 1, "samples")
        if len(tensors) == batch_size and all(listed) and len({one.ndim for _, one in tensors}) == 1:
            return _KINDS.get(tensors[0][1].ndim, "samples")
        return "samples"


@dataclass(frozen=True, slots=True)
class Noise:
    """An `InputMaker`: standard normal tensors, of these shapes for one sample.

    Noise rather than ones or zeros: on GPUs the power drawn, and so the clock, depends on the bits that flip.
    """

    positional: tuple[tuple[int, ...], ...] = ()
    keywords: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __call__(self, batch_size: int, generator: torch.Generator) -> Arguments:
        return self._made(lambda shape: torch.randn((batch_size, *shape), generator=generator, device="cpu"))

    def without_values(self, batch_size: int) -> Arguments:
        """The same on the meta device, with nothing allocated on the way."""
        return self._made(lambda shape: torch.empty((batch_size, *shape), device="meta"))

    def _made(self, make: Callable[[tuple[int, ...]], Tensor]) -> Arguments:
        return Arguments(tuple(map(make, self.positional)), {name: make(one) for name, one in self.keywords.items()})


def input_maker(given: object) -> InputMaker:
    """What ``inputs=`` asks for: a function, or shapes for one sample, of which noise is made.

    ``(1, 16000)`` is one argument, a list of shapes several, a dict of shapes keyword arguments. Raises UsageError.
    """
    if callable(given):
        return given
    if _is_shape(given):
        return Noise((tuple(given),))
    if isinstance(given, Sequence) and given and all(map(_is_shape, given)):
        return Noise(tuple(tuple(shape) for shape in given))
    if isinstance(given, Mapping) and given and all(map(_is_shape, given.values())) and _are_names(given):
        return Noise((), {name: tuple(shape) for name, shape in given.items()})
    raise UsageError(
        f"inputs={given!r}: write the shape of one sample, such as (1, 16000), a list of shapes for several arguments, "
        "a dict of shapes for keyword arguments, or a function of (batch_size, generator) that returns a tensor, a "
        "tuple of arguments or a dict of keyword arguments"
    )


def made_arguments(make: InputMaker, batch_size: int, seed: int, placement: Placement) -> Arguments:
    """What ``make`` makes of ``batch_size`` samples: the same numbers on every device, on meta none."""
    # An inference tensor, made while somebody measures a forward pass, could not be trained on later.
    with torch.inference_mode(False):
        if isinstance(make, Noise) and placement.device.type == "meta":
            made = make.without_values(batch_size)
        else:
            # On the CPU, whatever device is current where a test asks for it.
            with torch.device("cpu"), seeded(seed, torch.device("cpu")):
                made = _as_arguments(_called(make, batch_size, seed))
        return made.mapped(placement.of)


def made_targets(make: Callable[[int, torch.Generator], Any], batch_size: int) -> Any:
    """What the function given as ``targets=`` makes of ``batch_size`` samples, on the CPU: the same on every device."""
    with torch.inference_mode(False), torch.device("cpu"), seeded(_TARGETS_SEED, torch.device("cpu")):
        return _called(make, batch_size, _TARGETS_SEED, "targets")


def _called(make: InputMaker, batch_size: int, seed: int, what: str = "inputs") -> object:
    try:
        return make(batch_size, torch.Generator().manual_seed(seed))
    except Exception as error:
        raise BuildError(
            f"the function given as {what}= fails when it is called with batch_size={batch_size} and a "
            f"torch.Generator: {type(error).__name__}: {error}"
        ) from error


def _as_arguments(made: object) -> Arguments:
    arguments = Arguments()
    if isinstance(made, Arguments):
        arguments = made
    elif isinstance(made, Tensor):
        arguments = Arguments((made,))
    elif isinstance(made, Mapping) and _are_names(made):
        arguments = Arguments((), dict(made))
    elif isinstance(made, (tuple, list)):
        arguments = Arguments(tuple(made))
    if not arguments.tensors():
        raise BuildError(
            f"the function given as inputs= returns {type(made).__name__} without a tensor in it; let it return a "
            "tensor, a tuple of arguments or a dict of keyword arguments"
        )
    return arguments


def _is_shape(given: object) -> TypeGuard[Sequence[int]]:
    if not isinstance(given, (tuple, list)) or not given:
        return False
    return all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in given)


def _are_names(given: Mapping[Any, Any]) -> bool:
    return all(isinstance(name, str) for name in given)


def _named(path: Sequence[object]) -> str:
    """``mask=`` for a keyword argument or a value of a dict; arguments by their place alone are told apart by it."""
    names = [str(key.key) for key in path if isinstance(key, MappingKey)]
    return ".".join(names) + "=" if names else ""


def _sides(path: Sequence[object], tensor: Tensor, batch_size: int) -> str:
    of_all = _is_batch(tensor, batch_size) and not _of_one_sample(path)
    sides = tensor.shape[1:] if of_all else tensor.shape
    return "x".join(map(str, sides)) or "1"


def _is_batch(tensor: Tensor, batch_size: int) -> bool:
    return tensor.ndim > 0 and tensor.shape[0] == batch_size


def _of_one_sample(path: Sequence[object]) -> bool:
    # What stands in a list among the arguments is of one sample, as detectors take them.
    return any(isinstance(key, SequenceKey) for key in path[2:])
