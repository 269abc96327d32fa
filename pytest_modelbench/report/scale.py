"""Values as people read them: ``410 ms``, ``97.7 MiB``, ``25.56 M``, ``90.0 %``, ``+12.3% ±1.1``.

Inside, values are in seconds, bytes, counts and fractions; only this module scales them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pytest_modelbench.core.metrics import Metric
from pytest_modelbench.core.units import is_rate
from pytest_modelbench.core.verdicts import Judgement, Verdict

_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_BYTES = ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))
_COUNTS = ((1e12, "T"), (1e9, "G"), (1e6, "M"))
#: Counts below are written out: as short as a scaled figure, and nobody has to guess what was rounded.
_WRITTEN_OUT_BELOW = 1e6
#: Two values farther apart than this are scaled each for itself: no common unit shows both.
_SAME_UNIT_WITHIN = 100
#: The share of the step between two ticks that one may be off by.
_LEAST_OF_A_STEP = 0.02
#: More decimals than a float holds.
_MOST_DECIMALS = 18


@dataclass(frozen=True, slots=True)
class _Scale:
    factor: float
    suffix: str
    digits: int  #: significant ones
    scientific: bool = False

    @property
    def plain(self) -> bool:
        """Whether values are shown in the unit they come in, which is not one of ours."""
        return self.factor == 1 and not self.scientific and self.suffix not in {"s", "B"} and not is_rate(self.suffix)

    def decimals(self, value: float) -> int:
        """Decimals that show ``value`` with the scale's significant digits; 0 for a whole number of plain units."""
        if self.scientific:
            return self.digits - 1
        scaled = abs(value) / self.factor
        if self.suffix == "%":
            return _percent_decimals(scaled)
        if scaled == 0 or ((self.plain or self.suffix == "B") and scaled.is_integer()):
            return 0
        return max(0, self.digits - 1 - _exponent(scaled, self.digits))

    def text(self, value: float, decimals: int) -> str:
        style = "e" if self.scientific else "f"
        return f"{value / self.factor:,.{decimals}{style}} {self.suffix}".rstrip()


def number(value: float, unit: str) -> str:
    """``value``, kept in ``unit``, for people."""
    if not math.isfinite(value):  # how far two are apart of which each is nearly the largest
        return f"{value} {unit}"
    scale = _scale(abs(value), unit)
    decimals = scale.decimals(value)
    if scale.plain:
        # Nothing says how precise such a value is: 0.3, not 0.3000.
        while decimals and float(f"{value:.{decimals - 1}f}") == float(f"{value:.{decimals}f}"):
            decimals -= 1
    return scale.text(value, decimals)


def pair(old: float, new: float, unit: str, *, tell_apart: bool = True) -> tuple[str, str]:
    """Two values to be compared, scaled alike.

    If they differ, they read differently: by more digits, or by exact figures for counts and bytes. Without
    ``tell_apart`` (noisy values, whose last digits say nothing) they may read the same.
    """
    larger, smaller = max(abs(old), abs(new)), min(abs(old), abs(new))
    scale = _scale(larger, unit)
    if smaller and larger / smaller >= _SAME_UNIT_WITHIN and _scale(smaller, unit) != scale:
        return number(old, unit), number(new, unit)
    decimals = max(scale.decimals(old), scale.decimals(new))
    texts = scale.text(old, decimals), scale.text(new, decimals)
    if old == new or texts[0] != texts[1] or not tell_apart:
        return texts
    if unit in {"count", "bytes"} and float(old).is_integer() and float(new).is_integer():
        return exact(old, unit), exact(new, unit)
    for more in range(decimals + 1, _MOST_DECIMALS):
        texts = scale.text(old, more), scale.text(new, more)
        if texts[0] != texts[1]:
            return texts
    return f"{old!r} {unit}", f"{new!r} {unit}"


def alike(values: Sequence[float], unit: str) -> list[str]:
    """The ticks of an axis, scaled alike, with as many digits as put none of them where it is not."""
    scale = _scale(max(map(abs, values), default=0.0), unit)
    ordered = sorted(set(values))
    if len(ordered) < 2:
        return [number(value, unit) for value in values]
    step = min(later - one for one, later in pairwise(ordered)) / scale.factor
    for decimals in range(_MOST_DECIMALS):
        texts = [scale.text(value, decimals) for value in values]
        off = max(abs(round(value / scale.factor, decimals) - value / scale.factor) for value in values)
        if len(set(texts)) == len(ordered) and (scale.scientific or off <= step * _LEAST_OF_A_STEP):
            return texts
    return [f"{value!r} {unit}" for value in values]


def exact(value: float, unit: str) -> str:
    """``25,557,032`` or ``102,400,000 B``: nothing rounded; other units as `number` has them."""
    if unit not in {"count", "bytes"} or not float(value).is_integer():
        return number(value, unit)
    return f"{value:,.0f}{' B' if unit == 'bytes' else ''}"


def difference(old: float, new: float, unit: str) -> str:
    """``new`` less ``old`` with its sign, in the unit: ``+442,968``, ``-1.50 MiB``, ``-5.0 pp``; ``=`` if equal."""
    if old == new:
        return "="
    sign = "+" if new > old else "-"
    size = abs(new - old)
    if unit == "fraction":
        points = size * 100
        return f"{sign}{points:.{_percent_decimals(points)}f} pp"
    return sign + (exact(size, unit) if unit == "count" else number(size, unit))


def change(judgement: Judgement, metric: Metric) -> str:
    """What became of a baseline, for one table cell; ``-`` where there is nothing to compare.

    ``+12.3% ±1.1`` for noisy metrics, with half the width of the 95 % interval. ``+0.4%`` for deterministic ones, ``=``
    if exactly equal, and the difference in the unit where a percentage would read as nothing or there is none.
    """
    if judgement.baseline is None or judgement.verdict is Verdict.INCOMPARABLE:
        return "-"
    if metric.noisy and judgement.ratio is not None:
        text = percent(judgement.ratio)
        if judgement.low_ratio is not None and judgement.high_ratio is not None:
            text += spread(judgement.low_ratio, judgement.high_ratio)
        return text
    return moved(judgement.baseline, judgement.value, metric.unit)


def spread(low_ratio: float, high_ratio: float) -> str:
    """`` ±1.1``: half the width of an interval, in percentage points."""
    half = (high_ratio - low_ratio) / 2 * 100
    # Beyond, the noise is absurd and its size says nothing.
    return f" ±{half:,.{1 if half < 99.95 else 0}f}" if half < 999.5 else " ±>999"


def moved(old: float, new: float, unit: str) -> str:
    """How far an exact value moved: in percent, or as `difference` where that says more."""
    if old == new or old == 0 or unit == "fraction":
        return difference(old, new, unit)
    text = percent(1 + (new - old) / abs(old))
    return difference(old, new, unit) if text == "0.0%" else text


def percent(ratio: float) -> str:
    """``+12.3%`` for 1.123; ``0.0%``, without a sign, for what rounds to it."""
    points = (ratio - 1) * 100
    decimals = 1 if abs(points) < 99.95 else 0
    text = f"{points:+,.{decimals}f}%"
    return "0.0%" if text in {"+0.0%", "-0.0%"} else text


def duration(seconds: float) -> str:
    """``0.4 s``, ``42 s``, ``3 min 42 s``, ``1 h 02 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def plural(count: int, noun: str) -> str:
    """``1 check``, ``4 checks``, ``2 entries``, ``3 processes``."""
    if count == 1:
        return f"1 {noun}"
    if noun.endswith("y"):
        return f"{count:,} {noun[:-1]}ies"
    return f"{count:,} {noun}{'es' if noun.endswith('s') else 's'}"


def _scale(magnitude: float, unit: str) -> _Scale:
    if unit == "s":
        return _step(magnitude, _SECONDS, 3)
    if unit == "bytes":
        return _step(magnitude, _BYTES, 3)
    if unit == "fraction":
        return _Scale(0.01, "%", 3)
    if unit == "count" and magnitude >= _WRITTEN_OUT_BELOW:
        return _step(magnitude, _COUNTS, 4)
    if is_rate(unit):
        return _Scale(1.0, unit, 3)
    extreme = magnitude >= 1e15 or 0 < magnitude < 1e-3
    return _Scale(1.0, "" if unit == "count" else unit, 4, scientific=extreme)


def _step(magnitude: float, steps: tuple[tuple[float, str], ...], digits: int) -> _Scale:
    """The largest step that ``magnitude`` reaches once it is rounded: 999.7 ms are 1.00 s."""
    for factor, suffix in steps:
        if factor == 1 if magnitude == 0 else _exponent(magnitude / factor, digits) >= 0:
            return _Scale(factor, suffix, digits)
    return _Scale(*steps[-1], digits)


def _exponent(magnitude: float, digits: int) -> int:
    """Power of ten of ``magnitude`` > 0 rounded to ``digits`` significant digits."""
    return int(f"{magnitude:.{digits - 1}e}".partition("e")[2])


def _percent_decimals(points: float) -> int:
    """One, or as many as it takes that only nothing reads as 0 and only all of it as 100."""
    for decimals in range(1, _MOST_DECIMALS):
        shown = round(points, decimals)
        if shown not in {0, 100} or math.isclose(points, shown, rel_tol=1e-9):
            return decimals
    return _MOST_DECIMALS
