"""What batches and memory tips bring: tables that hold measurements of one model against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_modelbench.published.catalog.rows import PublishedRow, Table
from pytest_modelbench.published.guide.archive import Archive, Device, MeasuredFigure
from pytest_modelbench.published.guide.cases import setting_of, subject_of
from pytest_modelbench.published.guide.columns import Cell, MeasuredColumn, measured_column
from pytest_modelbench.published.guide.figure_table import GuideBlock, label, remarks
from pytest_modelbench.published.guide.grid import GridColumn, grid
from pytest_modelbench.published.guide.measures import LATENCY, STEP_MEMORY
from pytest_modelbench.published.guide.published import is_comparable, printed
from pytest_modelbench.published.guide.sources import sources
from pytest_modelbench.report.markdown import escape
from pytest_modelbench.report.scale import number, percent

SPEEDUP = "Speed-up: images per second at the largest batch that was timed, over those at batch 1."


def speedup_table(table: Table, archive: Archive) -> GuideBlock:
    """A line for each model and device: time of a batch, and what the largest batch brings over single images."""
    batches = [figure.case.batch_size for figure in table.rows[0].figures if figure.case is not None]
    columns = [GridColumn(table.columns[0], right=False), GridColumn("Device", right=False)]
    columns += [*(GridColumn(f"Batch {batch}") for batch in batches), GridColumn("Speed-up")]
    lines: list[list[str]] = []
    published: set[int] = set()
    found: dict[Device, list[Cell]] = {device: [] for device in archive.devices if device.timed}
    gaps = False
    for row in table.rows:
        for device, cells in found.items():
            times = _times(row, device, batches)
            gaps |= len(times) < len(batches)
            if not times:
                continue
            cells += [Cell((one,), ()) for one in times.values()]
            shown = [number(times[batch].value, "s") if batch in times else "" for batch in batches]
            lines.append([label(row), device.title, *shown, _ratio(speedup(times))])
        if row.figures and is_comparable(row.figures[0], archive.kinds):
            published.add(len(lines))
            lines.append([label(row), f"{table.hardware}, published", *map(printed, row.figures)])
    timed = [("Times", MeasuredColumn(LATENCY, device, tuple(cells), ())) for device, cells in found.items()]
    known = any(column.known for _, column in timed)
    below = [*map(escape, sources(timed)), *([SPEEDUP] if known else []), *remarks(table.rows)]
    return GuideBlock(grid(columns, lines, published), tuple(below), empty=not known, gaps=gaps or not known)


def speedup(times: Mapping[int, MeasuredFigure]) -> float | None:
    """Images per second at the largest batch over those at batch 1; None if only one of them was timed."""
    largest = max(times, default=1)
    if largest == 1 or 1 not in times:
        return None
    return largest * times[1].value / times[largest].value


def tips_table(table: Table, archive: Archive) -> GuideBlock:
    """What each tip saves of the peak memory of a training step; the first case of a row is without it."""
    without, within = (
        measured_column([row.cases[place] for row in table.rows], (STEP_MEMORY,), archive.find) for place in (0, 1)
    )
    columns = [GridColumn(table.columns[0], right=False), GridColumn(table.columns[1], right=False)]
    columns += [GridColumn("Memory without"), GridColumn("Memory with"), GridColumn("Change")]
    lines = []
    for index, row in enumerate(table.rows):
        before, after = without.cells[index], within.cells[index]
        change = percent(after.value / before.value) if before and after else ""
        lines.append([label(row), row.cells[1], without.text(index), within.text(index), change])
    below = [escape(line) for line in sources([("Memory without", without), ("Memory with", within)])]
    known = without.known + within.known
    return GuideBlock(
        grid(columns, lines), (*below, *remarks(table.rows)), empty=not known, gaps=known < 2 * len(table.rows)
    )  # fmt: skip


def _times(row: PublishedRow, device: Device, batches: Sequence[int]) -> dict[int, MeasuredFigure]:
    """Latency by batch size, all at one image size: that which is asked for, or else the one with the most batches."""
    assert row.case is not None
    asked = setting_of(row.case)
    sizes: dict[tuple[int, int], dict[int, MeasuredFigure]] = {}
    for one in device.find(subject_of(row.case, "inference"), "latency"):
        if one.setting.batch_size in batches and one.setting.is_precision(asked.precision):
            sizes.setdefault(one.setting.image_size, {}).setdefault(one.setting.batch_size, one)
    if not sizes:
        return {}
    best = max(sizes, key=lambda size: (size == asked.image_size, len(sizes[size]), size))
    return dict(sorted(sizes[best].items()))


def _ratio(value: float | None) -> str:
    return "" if value is None else number(round(value, 2), "x")
