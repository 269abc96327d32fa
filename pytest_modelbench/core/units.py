"""Quantities as people write them (``1MiB``, ``2ms``, ``10m``), read into bytes and seconds."""

from __future__ import annotations

import math
import re

from pytest_modelbench.core.errors import UsageError

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
