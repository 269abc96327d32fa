"""A table of the catalog with our figures, and the published ones beside them where they can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pytest_modelbench.published.catalog.cases import CaseSpec
from pytest_modelbench.published.catalog.figures import Figure
from pytest_modelbench.published.catalog.rows import PublishedRow, Table
from pytest_modelbench.published.guide.archive import Archive, Device
from pytest_modelbench.published.guide.columns import MeasuredColumn, measured_column
from pytest_modelbench.published.guide.grid import GridColumn, grid
from pytest_modelbench.published.guide.measures import ALLOCATED, MEASURES, STEP_MEMORY, Measure
from pytest_modelbench.published.guide.published import is_comparable, printed
from pytest_modelbench.published.guide.sources import sources
from pytest_modelbench.report.markdown import escape


@dataclass(frozen=True, slots=True)
class GuideBlock:
    """What stands under one heading: a table, empty if there is nothing to show, and the lines below it, in Markdown.

    ``empty`` says that nothing of it was measured, ``gaps`` that something was not; ``needs`` are the keys of what that
    takes.
    """

    text: str
    lines: tuple[str, ...] = ()
    empty: bool = False
    gaps: bool = False
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Wish:
    """Columns for one or more figures that the same measurement stands beside."""

    title: str
    measures: Sequence[Measure]
    specs: Sequence[CaseSpec | None]
    figures: list[Sequence[Figure | None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TableStyle:
    """What a table shows besides its figures, and in which order.

    ``words`` are columns of the published table that are shown as they are printed; ``besides`` is measured of each
    row's case though no figure was published. ``batches`` adds a column with batch sizes, for rows that differ in them.
    ``order`` is that of the figures, by their names, in place of the table's.
    """

    words: Sequence[str] = ()
    besides: Sequence[Sequence[Measure]] = ()
    batches: bool = False
    order: Sequence[str] = ()


_USUAL = TableStyle()


def figure_table(
    table: Table, archive: Archive, *, rows: Sequence[PublishedRow] = (), style: TableStyle = _USUAL
) -> GuideBlock:
    """The block for ``table``, or for ``rows`` of several tables under its first heading."""
    rows = rows or table.rows
    columns, cells = [GridColumn(table.columns[0], right=False)], [[label(row)] for row in rows]

    def add(column: GridColumn, texts: Sequence[str]) -> None:
        columns.append(column)
        for line, text in zip(cells, texts, strict=True):
            line.append(text)

    for header in style.words:
        add(GridColumn(header, right=False), [row.cells[table.columns.index(header)] for row in rows])
    if style.batches:
        add(GridColumn("Batch"), [str(row.case.batch_size) if row.case else "" for row in rows])
    measured: list[tuple[str, MeasuredColumn]] = []
    shown = gaps = False
    unpublished = [_Wish(measures[0].title, measures, [row.case for row in rows]) for measures in style.besides]
    wishes = [*_wishes(table, rows, style.order), *unpublished]
    for wish in wishes:
        found = _measured(wish, archive)
        measured += found
        gaps |= _has_gap(wish, [column for _, column in found])
        for title, column in found:
            apart = f" ({', '.join(column.common)})" if column.common else ""
            add(GridColumn(title + apart), [column.text(index) for index in range(len(rows))])
        for figures in wish.figures:
            sample = next(figure for figure in figures if figure is not None)
            if is_comparable(sample, archive.kinds):
                shown = True
                add(GridColumn(_published_title(wish, sample), published=True), [printed(figure) for figure in figures])
    lines = [escape(line) for line in sources((_bare(title, column), column) for title, column in measured)]
    if shown:
        lines.append("*In italics*: as published" + (f", on {escape(table.hardware)}." if table.hardware else "."))
    empty = any(wish.measures for wish in wishes) and not any(column.known for _, column in measured)
    return GuideBlock(grid(columns, cells), (*lines, *remarks(rows)), empty=empty, gaps=gaps, needs=needs(rows))


def label(row: PublishedRow) -> str:
    """What the row is about; lines of text that were made rows end in a colon."""
    return row.label.rstrip(":")


def remarks(rows: Sequence[PublishedRow]) -> list[str]:
    """What the catalog remarks on single rows, in Markdown."""
    return [escape(f"{label(row)}: {row.remark}") for row in rows if row.remark]


def needs(rows: Sequence[PublishedRow]) -> tuple[str, ...]:
    """Keys of what measuring all of ``rows`` takes beyond the package."""
    return tuple(dict.fromkeys(need for row in rows for need in row.needs))


def _has_gap(wish: _Wish, columns: Sequence[MeasuredColumn]) -> bool:
    """Whether a row lacks a figure that can be measured. Only classifiers are trained to a target here."""
    trained = all(measure.mode == "training" for measure in wish.measures)
    asking = [
        index
        for index, spec in enumerate(wish.specs)
        if wish.measures and spec is not None and (spec.task == "classification" or not trained)
    ]
    return bool(asking) and (not columns or any(column.cells[index] is None for column in columns for index in asking))


def _wishes(table: Table, rows: Sequence[PublishedRow], order: Sequence[str]) -> list[_Wish]:
    """What to measure and show, in the order of the figures; neighbours that one measurement stands for are joined."""
    headers = _headers(table)
    wishes: list[_Wish] = []
    names = dict.fromkeys(figure.name for row in rows for figure in row.figures)
    for name in [*(name for name in order if name in names), *(name for name in names if name not in order)]:
        figures = [row.figure(name) for row in rows]
        specs = [figure.case if figure else None for figure in figures]
        measures = MEASURES.get(name, ())
        last = wishes[-1] if wishes else None
        if last is None or not measures or last.measures != measures or last.specs != specs:
            last = _Wish(headers.get(name, name), measures, specs)
            wishes.append(last)
        last.figures.append(figures)
    titles = [wish.measures[0].title for wish in wishes if wish.measures]
    return [
        # Printed headers tell apart what is one kind of figure to us: memory for this and for that task.
        _Wish(wish.measures[0].title, wish.measures, wish.specs, wish.figures)
        if wish.measures and titles.count(wish.measures[0].title) == 1
        else wish
        for wish in wishes
    ]


def _headers(table: Table) -> dict[str, str]:
    """The printed header of each figure, by its name: figures stand in the order of the columns."""
    names = [figure.name for figure in table.rows[0].figures]
    headers: dict[str, str] = {}
    for index, header in enumerate(table.columns):
        if len(headers) < len(names):
            name = names[len(headers)]
            if all(row.cells[index] == figure.printed for row in table.rows if (figure := row.figure(name))):
                headers[name] = header
    return headers


def _measured(wish: _Wish, archive: Archive) -> list[tuple[str, MeasuredColumn]]:
    """The columns that show what was measured of ``wish``, with their titles: one, or one for each device."""
    if not wish.measures:
        return []
    everywhere = [measure for measure in wish.measures if measure.portable]
    here = [measure for measure in wish.measures if not measure.portable]
    timed = [device for device in archive.devices if device.timed]
    found = [_on_device(wish.title, wish.specs, here, device) for device in timed] if here else []
    if everywhere:
        # Beside it, or in its place, what is known of trainings, which no two devices end alike.
        found = [(title, column) for title, column in found if column.known]
        column = measured_column(wish.specs, everywhere, archive.find)
        found = [(wish.title, column), *found] if column.known or not found else found
    if wish.measures[0] is STEP_MEMORY:
        # What an allocator gave out, where there is one to ask, beside what is predicted everywhere.
        them = (_on_device(f"{wish.title}, allocated", wish.specs, ALLOCATED, device) for device in archive.devices)
        found += [(title, column) for title, column in them if column.known]
    return found


def _on_device(
    title: str, specs: Sequence[CaseSpec | None], measures: Sequence[Measure], device: Device
) -> tuple[str, MeasuredColumn]:
    return on(title, device), measured_column(specs, measures, device.find, device)


def on(title: str, device: Device) -> str:
    """Title of a device's column."""
    return f"{title} on {device.title}"


def _bare(title: str, column: MeasuredColumn) -> str:
    """``title`` without the device, where that is said anyhow."""
    return title if column.device is None else title.removesuffix(on("", column.device))


def _published_title(wish: _Wish, sample: Figure) -> str:
    if wish.measures and not wish.measures[0].portable and sample.hardware:
        return f"{wish.measures[0].title} on {sample.hardware}, published"
    return f"{wish.title}, published"
