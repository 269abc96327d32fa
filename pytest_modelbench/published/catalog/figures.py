"""Published figures: the text as printed, and the number that it says, in base units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_modelbench.published.catalog.cases import CaseSpec

#: Units that values are kept in, and what each printed unit is worth. An empty name: a bare number.
FACTORS: Mapping[str, Mapping[str, float]] = {
    "count": {"": 1.0, "M": 1e6, "M params": 1e6},
    "fraction": {"%": 0.01},
    "s": {
        "ms": 1e-3, "msecs": 1e-3, "msecs gpu": 1e-3, "msecs Forward": 1e-3, "msecs Backward": 1e-3,
        "min": 60.0, "h": 3600.0, "hours": 3600.0,
    },
    "bytes": {"MB": 1e6, "GB": 1e9, "MiB": 2.0**20, "GiB": 2.0**30},
    "images/s": {"": 1.0, "imgs/sec": 1.0},
    "ratio": {"x": 1.0},
}  # fmt: skip
#: Printed units whose meaning the table has to say, as it is not certain: with or without a factor of 1024.
AMBIGUOUS = frozenset({"Mb", "MB", "GB"})
#: What a table prints in place of a figure that there is none of.
ABSENT = "-"

_NUMBER = r"\d+(?:\.\d+)?"
_PRINTED = re.compile(
    rf"(?P<number>{_NUMBER})(?:\+-(?P<spread>{_NUMBER})|-(?P<upper>{_NUMBER})|(?P<open>\+))?\s*(?P<unit>[A-Za-z%/ ]*)"
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One published figure; ``header`` is that of its column, as printed.

    ``value`` and ``spread`` are in ``unit``: s, bytes, fraction, images/s, count or ratio. A printed range ``4-8 GB``
    is its middle with half its width as spread; an open one, ``128+``, is its lower end; ``-`` is None. ``case`` is
    what has to be measured to hold against it, None where several cases stand behind one figure. ``hardware`` is what
    it was measured on, as printed.
    """

    name: str
    header: str
    printed: str
    value: float | None
    unit: str
    spread: float | None = None
    case: CaseSpec | None = None
    hardware: str = ""


def read_printed(printed: str, unit: str, reads: str = "") -> tuple[float | None, float | None]:
    """Value and spread of a figure as printed, in ``unit``; raises ValueError for text that is none.

    ``reads`` says what the printed unit means, or what unit a bare number has: ``GiB`` for ``2.1 GB``.
    """
    if printed == ABSENT:
        return None, None
    match = _PRINTED.fullmatch(printed)
    if match is None:
        raise ValueError(f"{printed!r} is not a figure")
    suffix = match["unit"].strip()
    if not reads and suffix in AMBIGUOUS:
        raise ValueError(f"{printed!r}: say with 'reads' whether {suffix} means multiples of 1000 or of 1024")
    if reads and suffix and suffix not in AMBIGUOUS:
        raise ValueError(f"{printed!r} has a unit of its own, {suffix!r}, which 'reads' = {reads!r} would overrule")
    factors = FACTORS[unit]
    if (known := reads or suffix) not in factors:
        raise ValueError(f"{printed!r}: {known or 'a bare number'!r} is not a unit of {unit}")
    factor = factors[known]
    number = float(match["number"])
    spread = float(match["spread"]) if match["spread"] else None
    if match["upper"]:
        upper = float(match["upper"])
        if upper <= number:
            raise ValueError(f"{printed!r} is a range that does not rise")
        number, spread = (number + upper) / 2, (upper - number) / 2
    return _scaled(number, factor), None if spread is None else _scaled(spread, factor)


def _scaled(number: float, factor: float) -> float:
    """Without the last digit's rounding error that 69.8 * 0.01 has: 0.698."""
    return float(f"{number * factor:.15g}")
