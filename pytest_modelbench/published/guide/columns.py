"""One column of measured figures: which measurement stands for each row, and which setting most of them share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pytest_modelbench.published.catalog.cases import CaseSpec
from pytest_modelbench.published.guide.archive import Device, MeasuredFigure
from pytest_modelbench.published.guide.cases import Setting, Subject, setting_of, subject_of
from pytest_modelbench.published.guide.measures import BATCH, IMAGE, PRECISION, Measure
from pytest_modelbench.report.scale import number

#: How a figure's setting differs from the one that its row asks for, in words; and the data of an accuracy.
Variant = tuple[str, ...]
Find = Callable[[Subject, str], tuple[MeasuredFigure, ...]]


@dataclass(frozen=True, slots=True)
class Cell:
    """A measured figure, the sum of its parts, which share one setting."""

    figures: tuple[MeasuredFigure, ...]
    variant: Variant

    @property
    def value(self) -> float:
        """The figure, in its measure's unit."""
        return sum(one.value for one in self.figures)

    @property
    def setting(self) -> Setting:
        """What it was measured at."""
        return self.figures[0].setting


@dataclass(frozen=True, slots=True)
class MeasuredColumn:
    """Measured figures of one kind, a cell or None for each row. ``device`` is None for what holds on every machine.

    ``common`` is how most of them differ from what their rows ask for; a cell that differs otherwise says so.
    """

    measure: Measure
    device: Device | None
    cells: tuple[Cell | None, ...]
    common: Variant

    @property
    def alike(self) -> tuple[Cell | None, ...]:
        """The cells that may be compared with each other: those at the common setting."""
        return tuple(cell if cell is not None and cell.variant == self.common else None for cell in self.cells)

    @property
    def known(self) -> int:
        """How many rows have a figure."""
        return sum(cell is not None for cell in self.cells)

    def text(self, row: int) -> str:
        """The figure of a row for people, empty if there is none."""
        cell = self.cells[row]
        if cell is None:
            return ""
        text = number(cell.value, self.measure.unit)
        return text if cell.variant == self.common else f"{text} ({', '.join(cell.variant) or 'as published'})"


def measured_column(
    specs: Sequence[CaseSpec | None], measures: Sequence[Measure], find: Find, device: Device | None = None
) -> MeasuredColumn:
    """The column of those of ``measures`` that has a figure for most of ``specs``."""
    columns = [_column(specs, measure, find, device) for measure in measures]
    return max(columns, key=lambda column: column.known)


def _column(specs: Sequence[CaseSpec | None], measure: Measure, find: Find, device: Device | None) -> MeasuredColumn:
    options = [list(_options(spec, measure, find)) for spec in specs]
    counts = Counter(variant for cells in options for variant in {cell.variant for cell in cells})

    def rank(cell: Cell) -> tuple[int, int, int, int, Variant]:
        """What most rows have; then what was asked for, then large images and small batches."""
        height, width = cell.setting.image_size
        return -counts[cell.variant], len(cell.variant), -height * width, cell.setting.batch_size, cell.variant

    cells = tuple(min(cells, key=rank, default=None) for cells in options)
    chosen = [cell for cell in cells if cell is not None]
    common = min(chosen, key=rank).variant if chosen else ()
    return MeasuredColumn(measure, device, cells, common)


def _options(spec: CaseSpec | None, measure: Measure, find: Find) -> Iterator[Cell]:
    """Every cell that could stand for ``spec``, the newest of each variant first."""
    if spec is None or measure.of not in ("", spec.mode):
        return
    asked, reduced = setting_of(spec), spec.reduced()
    yield from _cells(subject_of(spec, measure.mode), asked, measure, find)
    if reduced.name != spec.name:
        yield from _cells(subject_of(reduced, measure.mode), asked, measure, find, ("built narrower",))


def _cells(subject: Subject, asked: Setting, measure: Measure, find: Find, built: Variant = ()) -> Iterator[Cell]:
    """What was measured of ``subject``; ``built`` says how that differs from what the row is about."""
    first, *others = measure.metrics
    for figure in find(subject, first):
        parts = [figure]
        for metric in others:
            parts += [
                one
                for one in find(subject, metric)
                if (one.setting, one.data, one.run) == (figure.setting, figure.data, figure.run)
            ]
        variant = _variant(figure.setting, asked, measure) + built
        if len(parts) == len(measure.metrics) and not (variant and measure.exact):
            yield Cell(tuple(parts), variant + ((f"on {figure.data}",) if figure.data else ()))


def _variant(setting: Setting, asked: Setting, measure: Measure) -> Variant:
    parts = []
    if BATCH in measure.matters and setting.batch_size != asked.batch_size:
        parts.append(f"batch {setting.batch_size}")
    if IMAGE in measure.matters and setting.image_size != asked.image_size:
        parts.append("{} x {}".format(*setting.image_size))
    if PRECISION in measure.matters and not setting.is_precision(asked.precision):
        parts.append(setting.precision)
    return tuple(parts)
