"""What a model computes, in a few numbers: whether a refactoring changed it, where no labels exist."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from pytest_modelbench.core.errors import MeasureError, hide_own_frames

__tracebackhide__ = hide_own_frames

#: Each projection weighs every value by a seeded sign, so that a change anywhere moves nearly all of them.
_PROJECTIONS = 8
#: Single values besides, which say where to look.
_VALUES = 4
#: Projections of what a part of a model puts out: most changes move the first one.
_ON_THE_WAY = 2
# Mixing function of Steele, Lea and Flood (OOPSLA 2014, "Fast splittable pseudorandom number generators"), whose
# constants these are, as signed 64-bit numbers: the same on every machine and in every version of PyTorch.
_GAMMA = 0x9E3779B97F4A7C15 - 2**64
_FIRST = 0xBF58476D1CE4E5B9 - 2**64
_SECOND = 0x94D049BB133111EB - 2**64


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A model's output in short.

    ``rms`` is the root mean square of all ``size`` values; ``numbers`` are seeded projections of them, each about as
    large as ``rms``, and a few single values. A change of one part in a thousand moves the projections by as much.
    """

    rms: float
    size: int
    numbers: tuple[float, ...]

    def differs(self, other: Fingerprint, share: float) -> bool:
        """Whether any number is farther from that of ``other`` than ``share`` of the root mean square."""
        pairs = zip(self.numbers, other.numbers, strict=True)
        return self.size != other.size or any(abs(one - another) > share * self.rms for one, another in pairs)


#: The longest that were asked for so far.
_known_signs: list[Tensor] = []


def fingerprint(tensors: Iterable[Tensor]) -> Fingerprint:
    """The fingerprint of floating point ``tensors`` on any device, taken together; waits for the device.

    Raises MeasureError where there is nothing, or something that is not finite.
    """
    parts = [tensor.detach().to("cpu", torch.float64).flatten() for tensor in tensors]
    values = torch.cat(parts) if parts else torch.empty(0, dtype=torch.float64)
    size = values.numel()
    if not size:
        raise MeasureError(
            "the output holds no floating point values, so there is nothing to compare; a detector that finds nothing "
            "has none: give it images= that it finds something in"
        )
    if not values.isfinite().all():
        raise MeasureError("the output holds values that are not finite; check weights and precision")
    rms = math.sqrt(values.square().mean().item())
    places = torch.arange(size, dtype=torch.int64)
    projections = [
        (values * (1 - 2 * (_mixed(places, number) & 1))).sum().item() / math.sqrt(size)
        for number in range(_PROJECTIONS)
    ]
    chosen = _mixed(torch.arange(_VALUES, dtype=torch.int64), _PROJECTIONS) % size
    return Fingerprint(rms, size, (rms, *projections, *values[chosen].tolist()))


def in_short(tensors: Iterable[Tensor]) -> tuple[float, ...] | None:
    """Root mean square and projections of floating point ``tensors``, taken together.

    As `fingerprint` has them, in float32 and fewer, for outputs of all parts of a model. None of nothing, and of what
    is not finite.
    """
    values = torch.cat([tensor.detach().to("cpu", torch.float32).flatten() for tensor in tensors] or [torch.empty(0)])
    if not values.numel():
        return None
    scale = math.sqrt(values.numel())
    found = (values.norm().item() / scale, *((values * one).sum().item() / scale for one in _signs(values.numel())))
    return found if all(map(math.isfinite, found)) else None


def _signs(size: int) -> list[Tensor]:
    """Seeded signs by which the first values of anything are weighed, float32 ``(size,)`` each."""
    global _known_signs
    if not _known_signs or len(_known_signs[0]) < size:
        places = torch.arange(size, dtype=torch.int64)
        _known_signs = [(1 - 2 * (_mixed(places, number) & 1)).to(torch.float32) for number in range(_ON_THE_WAY)]
    return [one[:size] for one in _known_signs]


def _mixed(places: Tensor, stream: int) -> Tensor:
    """Pseudorandom int64 for each of ``places``, another series for each ``stream``; multiplication wraps."""
    bits = (places + 1) * _GAMMA + stream
    bits = (bits ^ _shifted(bits, 30)) * _FIRST
    bits = (bits ^ _shifted(bits, 27)) * _SECOND
    return bits ^ _shifted(bits, 31)


def _shifted(bits: Tensor, by: int) -> Tensor:
    """``bits`` shifted right as if they were unsigned."""
    return (bits >> by) & ((1 << (64 - by)) - 1)
