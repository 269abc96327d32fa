"""The tolerated change of a metric: ``5%``, ``1% + 1MiB``, ``0.5pp``, ``exact``, ``sampling``."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.units import BYTES, SECONDS, split_quantity

_EXAMPLES = "5%, '1% + 1MiB', 2ms, 0.5pp, exact"
#: The term that stands for what chance explains, of the samples behind a fraction.
_SAMPLING = "sampling"


@dataclass(frozen=True, slots=True)
class Band:
    """A tolerated change: a share of the baseline plus an absolute amount in the metric's own unit.

    With ``sampling`` also a change that chance explains, the same samples compared one by one: up to a point, or one
    sample.
    """

    relative: float = 0.0
    absolute: float = 0.0
    text: str = "exact"
    sampling: bool = False

    @property
    def exact(self) -> bool:
        """Whether no change at all is tolerated."""
        return self.relative == 0 and self.absolute == 0 and not self.sampling

    def allowance(self, baseline: float) -> float:
        """Largest tolerated distance from ``baseline``, in the metric's unit."""
        return self.relative * abs(baseline) + self.absolute

    def ratio(self, baseline: float) -> float:
        """The allowance as a share of ``baseline``, which must not be zero."""
        return self.allowance(baseline) / abs(baseline)


#: For what is told and holds nobody up: far beyond any change, and a number that JSON has.
ANY = Band(relative=1e12, text="any")


def parse_band(text: object, unit: str, where: str) -> Band:
    """Band that ``text`` describes, for a metric kept in ``unit``.

    Terms are joined by ``+``. ``%`` is a share of the baseline; ``pp`` are percentage points and belong to metrics
    with unit ``fraction``, as does the term ``sampling``; other units must be of the metric's own dimension. Raises
    UsageError naming ``where``.
    """
    if not isinstance(text, str):
        raise UsageError(f"{where}: band {text!r} is not text; write for example {_EXAMPLES}")
    if text.strip() == "exact":
        return Band()
    relative = absolute = 0.0
    sampling = False
    for term in text.split("+"):
        if term.strip() == _SAMPLING:
            if unit != "fraction":
                raise UsageError(f"{where}: band {text!r}: {_SAMPLING} is for fractions, but the metric is in {unit!r}")
            sampling = True
            continue
        try:
            number, suffix = split_quantity(term)
        except ValueError:
            raise UsageError(f"{where}: band {text!r} cannot be read; write for example {_EXAMPLES}") from None
        if number < 0:
            raise UsageError(f"{where}: band {text!r} is negative; a band is how far a value may move either way")
        if suffix == "%":
            relative += number / 100
        else:
            absolute += number * _absolute_factor(suffix, unit, text, where)
    return Band(relative, absolute, " + ".join(term.strip() for term in text.split("+")), sampling)


def _absolute_factor(suffix: str, unit: str, text: str, where: str) -> float:
    if unit == "fraction" and suffix == "pp":
        return 0.01
    if unit == "s" and suffix in SECONDS:
        return SECONDS[suffix]
    if unit == "bytes" and suffix in BYTES:
        return BYTES[suffix]
    if suffix == unit or (suffix == "" and unit not in {"s", "bytes", "fraction"}):
        return 1.0
    raise UsageError(f"{where}: band {text!r} has {suffix or 'no unit'!r}, but the metric is in {unit!r}")
