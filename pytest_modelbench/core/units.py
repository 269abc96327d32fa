"""Quantities as people write them (``1MiB``, ``2ms``, ``10m``), read into bytes and seconds."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from pytest_modelbench.core.errors import UsageError, hide_own_frames

__tracebackhide__ = hide_own_frames

#: Factors to the unit that values are kept in: seconds or bytes.
SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
BYTES = {
    "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30,
}  # fmt: skip

_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-zµ%/]*)\s*")


def split_quantity(text: str) -> tuple[float, str]:
    """Number and unit of ``"1.5 MiB"``; raises ValueError for anything else, NaN and infinity included."""
    match = _QUANTITY.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a number with a unit")
    number = float(match[1])
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is not finite")
    return number, match[2]


def parse_duration_s(text: str | float, what: str) -> float:
    """Seconds in ``90``, ``"90s"``, ``"1.5m"``, ``"2h"``; raises UsageError naming ``what`` otherwise."""
    try:
        number, unit = (float(text), "s") if isinstance(text, (int, float)) else split_quantity(text)
        seconds = number * SECONDS[unit or "s"]
    except (KeyError, ValueError):
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise UsageError(f"{what}: {text!r} is not a duration; write for example 90s, 10m or 2h")
    return seconds


@dataclass(frozen=True, slots=True)
class Handled:
    """What one call handles: ``count`` of ``what``, such as 8 images. Raises UsageError for what is neither."""

    count: int
    what: str = "images"

    def __post_init__(self) -> None:
        if not isinstance(self.count, int) or isinstance(self.count, bool) or self.count < 1:
            many = f"{self.count!r} {self.what}"
            raise UsageError(f"throughput of {many}: write a whole number, how many one call handles")
        # Bands are read by letters alone: `split_quantity`.
        if not (isinstance(self.what, str) and self.what.isascii() and self.what.isalpha()):
            raise UsageError(f"unit={self.what!r}: write in one word what is counted, as 'clips'; '/s' comes by itself")

    @property
    def rate_unit(self) -> str:
        """``images/s``."""
        return f"{self.what}/s"


def is_rate(unit: str) -> bool:
    """Whether values in ``unit`` are so many a second."""
    return unit.endswith("/s")
