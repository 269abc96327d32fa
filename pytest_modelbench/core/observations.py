"""What a deterministic value was made of, kept so that a later one can be compared with it piece by piece.

An accuracy is a mean over samples: which of them were right tells whether two accuracies differ by more than chance. An
output is thousands of numbers, of which a few projections tell whether it is still the same. Baselines keep them as one
short line of text: ``hits 20 ffdfb``, ``scores 3 ff80c0``, ``numbers 1.25 -0.5``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pytest_modelbench.core.lines import line_schema

#: Beyond, one sample more or less moves an accuracy by nothing that matters, and lines in a baseline get long.
MOST_SAMPLES = 65_536
#: Scores are kept to one in so many, 0.4 points: far below what differs between two samples.
SCORE_STEPS = 255
#: Digits kept of numbers: float32 has seven to eight.
_DIGITS = 9


class Observed(str, Enum):
    """What the pieces are."""

    HITS = "hits"  #: 1.0 or 0.0 a sample: right or wrong
    SCORES = "scores"  #: from 0 to 1 a sample
    NUMBERS = "numbers"  #: any


@dataclass(frozen=True, slots=True)
class Observations:
    """Per-sample outcomes of one measurement in the order of the samples, or the numbers that stand for an output."""

    kind: Observed
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values or not all(map(math.isfinite, self.values)):
            raise ValueError("observations are one finite number or more")

    def text(self) -> str:
        """One line that `read` takes; scores are rounded to 1/255, numbers to nine digits."""
        return f"{self.kind.value} {_WRITERS[self.kind](self.values)}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """How files and events are checked: as the line that `text` writes."""
        return line_schema(read)


def hits(correct: Sequence[bool]) -> Observations | None:
    """Which samples were right; None for more than `MOST_SAMPLES` of them."""
    return _unless_too_many(Observed.HITS, tuple(map(float, correct)))


def scores(values: Sequence[float]) -> Observations | None:
    """Scores from 0 to 1, one a sample, rounded to 1/255; None for more than `MOST_SAMPLES` of them."""
    if not all(0 <= value <= 1 for value in values):
        raise ValueError("scores lie between 0 and 1")
    return _unless_too_many(Observed.SCORES, tuple(round(value * SCORE_STEPS) / SCORE_STEPS for value in values))


def numbers(values: Sequence[float]) -> Observations:
    """A few numbers, rounded to nine digits."""
    return Observations(Observed.NUMBERS, tuple(float(f"{value:.{_DIGITS}g}") for value in values))


def _unless_too_many(kind: Observed, values: tuple[float, ...]) -> Observations | None:
    return Observations(kind, values) if len(values) <= MOST_SAMPLES else None


def read(text: str) -> Observations:
    """The observations that ``text`` holds; ValueError if it holds none."""
    name, _, rest = text.partition(" ")
    try:
        kind = Observed(name)
    except ValueError:
        raise ValueError(f"{name!r} is no kind of observations") from None
    return Observations(kind, _READERS[kind](rest))


def _write_hits(values: Sequence[float]) -> str:
    bits = "".join("1" if value else "0" for value in values)
    return f"{len(values)} {int(bits, 2):0{math.ceil(len(values) / 4)}x}"


def _read_hits(text: str) -> tuple[float, ...]:
    told, _, digits = text.partition(" ")
    count = _count(told)
    bits = f"{_hexadecimal(digits):0{count}b}"
    if len(bits) != count or len(digits) != math.ceil(count / 4):
        raise ValueError(f"{len(digits)} digits do not hold {count} samples")
    return tuple(map(float, bits))


def _write_scores(values: Sequence[float]) -> str:
    if not all(0 <= value <= 1 for value in values):
        raise ValueError("scores lie between 0 and 1")
    return f"{len(values)} {''.join(f'{round(value * SCORE_STEPS):02x}' for value in values)}"


def _read_scores(text: str) -> tuple[float, ...]:
    told, _, digits = text.partition(" ")
    if len(digits) != 2 * (count := _count(told)):
        raise ValueError(f"{len(digits)} digits do not hold {count} scores")
    return tuple(_hexadecimal(digits[at : at + 2]) / SCORE_STEPS for at in range(0, len(digits), 2))


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text[:9]) <= MOST_SAMPLES or len(text) > 9:
        raise ValueError(f"{text[:20]!r} is no number of samples")
    return int(text)


def _hexadecimal(digits: str) -> int:
    # int() also takes signs, underscores and spaces.
    if not digits or set(digits) - set("0123456789abcdef"):
        raise ValueError(f"{digits[:20]!r} are no hexadecimal digits")
    return int(digits, 16)


def _write_numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.{_DIGITS}g}" for value in values)


def _read_numbers(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split()))


_WRITERS: dict[Observed, Callable[[Sequence[float]], str]] = {
    Observed.HITS: _write_hits,
    Observed.SCORES: _write_scores,
    Observed.NUMBERS: _write_numbers,
}
_READERS: dict[Observed, Callable[[str], tuple[float, ...]]] = {
    Observed.HITS: _read_hits,
    Observed.SCORES: _read_scores,
    Observed.NUMBERS: _read_numbers,
}
