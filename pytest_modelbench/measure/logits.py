"""Where in what a model returns its logits are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any

from torch import Tensor

from pytest_modelbench.core.errors import MeasureError, hide_own_frames

__tracebackhide__ = hide_own_frames

#: From what a model returns to its logits.
LogitsOf = Callable[[Any], Any]

#: So many parts of an output are named in a message.
_MOST_TOLD = 8


@dataclass(frozen=True, slots=True)
class Logits:
    """The logits that a task needs: a tensor of ``dims`` dimensions, and under which of ``names`` models return it."""

    dims: int
    shape: str
    names: tuple[str, ...]


#: transformers' models return an object with ``logits``, torchvision's segmenters a mapping with ``out``.
OF_CLASSES = Logits(2, "(N, classes)", ("logits",))
OF_PIXELS = Logits(4, "(N, classes, height, width)", ("logits", "out"))


def logits_in(output: object, wanted: Logits, given: LogitsOf | None = None) -> Tensor:
    """The logits in ``output``: what ``given`` finds there, else a tensor as it is, what has a name, or comes first.

    Of a tuple that is its first floating point tensor. Raises MeasureError that says what there is in place of them.
    """
    if given is not None:
        return _by_hook(output, wanted, given)
    found = _named(output, wanted.names)
    if found is None and isinstance(output, tuple):
        found = next((one for one in output if isinstance(one, Tensor) and one.is_floating_point()), None)
    if found is None or found.ndim != wanted.dims:
        raise MeasureError(
            f"accuracy: the model returns {described(output)}, and which of it are the logits {wanted.shape} is not "
            "known; pass logits=, a function from what the model returns to that tensor"
        )
    return found


def _by_hook(output: object, wanted: Logits, given: LogitsOf) -> Tensor:
    try:
        found = given(output)
    except Exception as error:
        raise MeasureError(
            f"accuracy: logits= fails on what the model returns, {described(output)}: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(found, Tensor) or found.ndim != wanted.dims:
        raise MeasureError(
            f"accuracy: logits= returns {described(found)}; let it return the tensor of logits {wanted.shape}. The "
            f"model returns {described(output)}"
        )
    return found


def _named(output: object, names: tuple[str, ...]) -> Tensor | None:
    if isinstance(output, Tensor):
        return output
    for name in names:
        found = output.get(name) if isinstance(output, Mapping) else getattr(output, name, None)
        if isinstance(found, Tensor):
            return found
    return None


def described(output: object) -> str:
    """``ImageOutput with logits (4, 1000), loss None``: what an output is and holds, for people."""
    if isinstance(output, Tensor):
        return f"a tensor {tuple(output.shape)}"
    kind = type(output).__name__
    if isinstance(output, Mapping):
        parts = [f"{key} {_shape(value)}" for key, value in output.items()]
    elif isinstance(output, (tuple, list)):
        parts = [_shape(value) for value in output]
    elif is_dataclass(output) or hasattr(output, "__dict__"):
        parts = [f"{key} {_shape(value)}" for key, value in vars(output).items() if not key.startswith("_")]
    else:
        parts = []
    left = len(parts) - _MOST_TOLD
    told = ", ".join(parts[:_MOST_TOLD]) + (f" and {left} more" if left > 0 else "")
    article = "an" if kind[:1].lower() in "aeiou" else "a"
    return f"{article} {kind}" + (f" with {told}" if told else "")


def _shape(value: object) -> str:
    return str(tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__
