"""What the parts of a model computed on the way to an output, in short, so that it can be told where outputs part.

Baselines keep it beside the numbers of the output, packed as one short line of text.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from pytest_modelbench.core.lines import line_schema, packed, unpacked

#: Characters of an unpacked one at most: some ten thousand parts.
_MOST_CHARACTERS = 2**21
#: Digits kept: what two machines round otherwise is smaller than what is looked for.
_DIGITS = 5


class Step(NamedTuple):
    """The output of one part, by its name in the model: its root mean square, and projections about as large."""

    module: str
    rms: float
    numbers: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Parting:
    """The first part that computes something else: by how much of its root mean square.

    None: it was not there, or put out nothing, or something of another kind.
    """

    module: str
    share: float | None


@dataclass(frozen=True, slots=True)
class Trail:
    """Steps in the order in which the parts were done: one comes before what it is a part of."""

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        if not all(math.isfinite(number) for step in self.steps for number in (step.rms, *step.numbers)):
            raise ValueError("a step holds numbers that are not finite")

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts by their names, in order."""
        return tuple(step.module for step in self.steps)

    def parting(self, later: Trail, share: float) -> Parting | None:
        """Where a ``later`` one leaves this one, by more than ``share`` of what a part puts out; None if nowhere."""
        then = dict(self._numbered())
        for key, step in later._numbered():
            before = then.get(key)
            apart = math.inf if before is None else _apart(before, step)
            if apart > share:
                return Parting(step.module, apart if math.isfinite(apart) else None)
        return None

    def _numbered(self) -> Iterator[tuple[tuple[str, int], Step]]:
        """Each step, by its part and how often that had been done before."""
        done: Counter[str] = Counter()
        for step in self.steps:
            yield (step.module, done[step.module]), step
            done[step.module] += 1

    def text(self) -> str:
        """One line that `read` takes."""
        return packed([[step.module, *map(_short, (step.rms, *step.numbers))] for step in self.steps])

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """How files and events are checked: as the line that `text` writes."""
        return line_schema(read)


def read(text: str) -> Trail:
    """The trail that ``text`` holds; ValueError if it holds none."""
    rows = unpacked(text, "trail", _MOST_CHARACTERS)
    if not isinstance(rows, list) or not all(map(_is_step, rows)):
        raise ValueError("a trail is a list of a part and its numbers each")
    try:
        return Trail(tuple(Step(module, float(rms), tuple(map(float, numbers))) for module, rms, *numbers in rows))
    except OverflowError:
        raise ValueError("a step of a trail is larger than any number") from None


def _is_step(row: object) -> bool:
    if not isinstance(row, list) or len(row) < 2 or not isinstance(row[0], str):
        return False
    return all(type(cell) in (int, float) for cell in row[1:])


def _short(number: float) -> float:
    return float(f"{number:.{_DIGITS}g}")


def _apart(then: Step, now: Step) -> float:
    """How far apart two steps are at most, as a share of what the first puts out."""
    if len(then.numbers) != len(now.numbers):
        return math.inf
    pairs = zip((then.rms, *then.numbers), (now.rms, *now.numbers), strict=True)
    most = max(abs(one - other) for one, other in pairs)
    return most / then.rms if then.rms else math.inf if most else 0.0
