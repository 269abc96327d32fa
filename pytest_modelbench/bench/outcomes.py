"""Outcomes sample by sample, of a metric of one's own that is the mean of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_modelbench.core.errors import MeasureError, UsageError, hide_own_frames

__tracebackhide__ = hide_own_frames

#: How far a mean in float32 may be off: one sample more or less of a million is as much.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Whether each sample is right, in order, and what they are called; without ``names`` by their number."""

    right: tuple[bool, ...]
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Iterable[Any] | Mapping[Any, Any], where: str) -> Outcomes:
        """The outcomes that ``given`` holds: booleans or 0 and 1, in an array as well, or a mapping from names.

        Those of a mapping are sorted by name. UsageError, which names ``where``, for anything else, and MeasureError
        for none.
        """
        if isinstance(given, Mapping):
            named = sorted((str(name), outcome) for name, outcome in given.items())
            names, values = tuple(name for name, _ in named), [outcome for _, outcome in named]
        else:
            names, values = (), list(given.tolist() if hasattr(given, "tolist") else given)
        if not values:
            raise MeasureError(f"{where}: outcomes= holds no samples")
        return cls(tuple(_right(value, where) for value in values), names)

    @property
    def mean(self) -> float:
        """The share of samples that are right."""
        return sum(self.right) / len(self.right)

    @property
    def data(self) -> str:
        """What tells these samples from others: how many they are, and a digest of their names."""
        told = f"{len(self.right)} samples"
        if not self.names:
            return told
        return f"{told} {hashlib.sha256(chr(0).join(self.names).encode('utf-8', 'replace')).hexdigest()[:16]}"

    def check(self, value: float, where: str) -> None:
        """Raise MeasureError, which names ``where``, for a ``value`` that is not their mean."""
        if abs(value - self.mean) > _ROUNDING:
            raise MeasureError(
                f"{where}: the value is {value:g}, and the mean of its {len(self.right)} outcomes is {self.mean:g}; "
                "leave the value out, or record the outcomes that it is the mean of"
            )


def _right(value: Any, where: str) -> bool:
    try:
        if value == 0 or value == 1:
            return bool(value)
    # An array of several raises what its library likes.
    except Exception:
        pass
    raise UsageError(f"{where}: outcomes= holds {value!r}; each is True or False, one for each sample")
