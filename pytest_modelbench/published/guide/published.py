"""Published figures: as printed, and only beside figures of ours that they can be held against."""

from __future__ import annotations

import re
from collections.abc import Collection

from pytest_modelbench.published.catalog.figures import FACTORS, Figure
from pytest_modelbench.published.guide.measures import MEASURES

_BARE = re.compile(r"\d+(?:\.\d+)?")


def printed(figure: Figure | None) -> str:
    """The figure as printed; a bare number gets the unit that its column has. Empty where none is printed."""
    if figure is None or figure.value is None:
        return ""
    if not _BARE.fullmatch(figure.printed) or figure.unit == "count":
        return figure.printed
    number = float(figure.printed)
    unit = figure.unit if figure.unit == "images/s" else _unit(number, figure.value, figure.unit)
    return f"{figure.printed} {unit}".rstrip()


def _unit(number: float, value: float, unit: str) -> str:
    """The name of the unit in which ``value`` reads ``number``."""
    fits = (name for name, factor in FACTORS[unit].items() if name and abs(number * factor - value) <= 1e-9 * value)
    return next(fits, "")


def is_comparable(figure: Figure, kinds: Collection[str]) -> bool:
    """Whether a figure may stand beside ours, of devices of these ``kinds``.

    What holds on every machine may; a time only beside times of the same kind of hardware, a CPU or an accelerator.
    """
    measures = MEASURES.get(figure.name, ())
    if not measures or measures[0].portable:
        return True
    on_cpu = "cpu" in figure.hardware.lower()
    return any((kind == "cpu") == on_cpu for kind in kinds)
