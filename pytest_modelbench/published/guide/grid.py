"""Tables in Markdown that read well as plain text, too: columns are padded, numbers stand on the right."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pytest_modelbench.report.markdown import escape
from pytest_modelbench.report.table import display_width


@dataclass(frozen=True, slots=True)
class GridColumn:
    """How one column is titled and aligned; ``published`` figures are set in italics, title and all."""

    title: str
    right: bool = True
    published: bool = False


def grid(columns: Sequence[GridColumn], rows: Sequence[Sequence[str]], published: Collection[int] = ()) -> str:
    """The table, its texts escaped, without a line end; empty if nothing stands beside the first column.

    An empty cell stays empty. Columns in which no row has anything are left out. ``published`` are the rows that are
    set in italics as a whole.
    """
    kept = [i for i in range(len(columns)) if i == 0 or any(row[i] for row in rows)]
    if len(kept) < 2:
        return ""
    lines = [[_cell(columns[i].title, columns[i]) for i in kept]]
    lines += [
        [_cell(row[i], columns[i], number in published) for i in kept] for number, row in enumerate(rows)
    ]  # fmt: skip
    widths = [max(3, *(display_width(line[place]) for line in lines)) for place in range(len(kept))]
    rights = [columns[i].right for i in kept]
    rule = ["-" * (width - 1) + (":" if right else "-") for width, right in zip(widths, rights, strict=True)]
    return "\n".join(_line(line, widths, rights) for line in (lines[0], rule, *lines[1:]))


def _cell(text: str, column: GridColumn, published: bool = False) -> str:
    escaped = escape(text)
    return f"*{escaped}*" if (column.published or published) and escaped else escaped


def _line(cells: Sequence[str], widths: Sequence[int], rights: Sequence[bool]) -> str:
    padded = []
    for cell, width, right in zip(cells, widths, rights, strict=True):
        space = " " * (width - display_width(cell))
        padded.append(space + cell if right else cell + space)
    return f"| {' | '.join(padded)} |"
