"""A table in plain text that fits its width: columns go before lines wrap."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from pytest_modelbench.core.printable import printable

_GAP = "  "
#: Columns that may be left out before headings go to lines of their own: those of this rank in ``Column.drops``.
_FIRST_TO_GO = 1
#: A second column that is elided below this width names nothing: it goes along with the heading.
_LEAST_SECOND = 10


class Colour(str, Enum):
    """SGR parameters of ECMA-48, section 8.3.117."""

    PLAIN = ""
    BOLD = "1"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"


@dataclass(frozen=True, slots=True)
class Column:
    """How one column is laid out.

    The first column names what a row is about. ``drops`` orders the columns that may be left out, 1 first; 0 stays.
    ``coloured`` columns take the row's colour.
    """

    title: str
    right: bool = False
    drops: int = 0
    coloured: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Cells, one per column, and the colour of those that take one."""

    cells: tuple[str, ...]
    colour: Colour = Colour.PLAIN


def layout(
    columns: Sequence[Column], rows: Sequence[Row], width: int, *, colour: bool = False, all_columns: bool = False
) -> str:
    """Title line and rows, none wider than ``width``; empty for no rows.

    What is in the first column is shown once for rows that follow each other and share it; it names what a reader
    searches for and pastes, and is never cut. Too wide a table loses the columns that go first; then its first column
    moves to lines of its own, the one thing that may be wider, and more columns go; at last it takes the second along,
    and the widest of the others are elided. With ``all_columns`` none goes.
    """
    if not rows:
        return ""
    rows = [Row(tuple(printable(cell) for cell in row.cells), row.colour) for row in rows]
    every = range(len(columns))
    kept = list(every) if all_columns else _kept(columns, rows, every, width, up_to=_FIRST_TO_GO)
    widths = _widths(columns, rows, kept)
    if _total(widths) > width:
        return "\n".join(_stacked(columns, rows, width, colour, all_columns))
    lines = [_line(columns, [columns[i].title for i in kept], widths, Colour.BOLD, colour, whole=True)]
    before = None
    for row in rows:
        cells = ["" if i == 0 and row.cells[0] == before else row.cells[i] for i in kept]
        lines.append(_line(columns, cells, widths, row.colour, colour))
        before = row.cells[0]
    return "\n".join(lines)


def _kept(
    columns: Sequence[Column], rows: Sequence[Row], among: Sequence[int], width: int, up_to: int | None = None
) -> list[int]:
    """Those columns ``among`` all that stay: as many as fit, and all that may not go or rank above ``up_to``."""
    kept = list(among)
    may_go = [i for i in kept if columns[i].drops and (up_to is None or columns[i].drops <= up_to)]
    for index in sorted(may_go, key=lambda i: columns[i].drops):
        if _total(_widths(columns, rows, kept)) <= width:
            break
        kept.remove(index)
    return kept


def _stacked(
    columns: Sequence[Column], rows: Sequence[Row], width: int, colour: bool, all_columns: bool
) -> Iterator[str]:
    """Lines with the first column above its rows, which are indented; the second column, too, if that is too wide."""
    above, below = [0], list(range(1, len(columns)))
    if not all_columns or _total(_widths(columns, rows, below)) > width - len(_GAP):
        below = _kept(columns, rows, below, width - len(_GAP))
    widths = _widths(columns, rows, below)
    room = widths[below[0]] + width - len(_GAP) - _total(widths)
    if room >= min(_LEAST_SECOND, widths[below[0]]):
        widths[below[0]] = min(widths[below[0]], room)
    else:
        above.append(below.pop(0))
        widths = _widths(columns, rows, below)
        _shrink(widths, width - len(_GAP))
    yield _GAP + _line(columns, [columns[i].title for i in below], widths, Colour.BOLD, colour, whole=True)
    before = None
    for row in rows:
        heading = _GAP.join(row.cells[i] for i in above)
        if heading != before:
            before = heading
            yield heading.rstrip()
        yield _GAP + _line(columns, [row.cells[i] for i in below], widths, row.colour, colour)


def _widths(columns: Sequence[Column], rows: Sequence[Row], kept: Sequence[int]) -> dict[int, int]:
    return {i: max(display_width(text) for text in (columns[i].title, *(row.cells[i] for row in rows))) for i in kept}


def _total(widths: dict[int, int]) -> int:
    return sum(widths.values()) + len(_GAP) * (len(widths) - 1)


def _shrink(widths: dict[int, int], width: int) -> None:
    """Take from the widest until all fit into ``width``, or nothing is left to take."""
    while _total(widths) > width and max(widths.values()) > 1:
        widest = max(widths, key=lambda index: widths[index])
        widths[widest] -= 1


def _line(
    columns: Sequence[Column],
    cells: Sequence[str],
    widths: dict[int, int],
    paint: Colour,
    colour: bool,
    whole: bool = False,
) -> str:
    parts = []
    for cell, i in zip(cells, widths, strict=True):
        text = elide(cell, widths[i])
        space = " " * (widths[i] - display_width(text))
        if colour and (whole or columns[i].coloured):
            text = painted(text, paint)
        parts.append(space + text if columns[i].right else text + space)
    return _GAP.join(parts).rstrip()


def painted(text: str, colour: Colour) -> str:
    """``text`` between the escape sequences of ``colour``; as it is for plain and for nothing."""
    return f"\x1b[{colour.value}m{text}\x1b[0m" if text and colour.value else text


def display_width(text: str) -> int:
    """Terminal columns that ``text`` takes: wide characters two, combining and invisible ones none."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def elide(text: str, width: int) -> str:
    """``text``, with its middle replaced by ``…`` if it is wider than ``width``."""
    if display_width(text) <= width:
        return text
    if width < 1:
        return ""
    head = _fitting(text, width // 2)
    tail = _fitting(text[::-1], width - 1 - display_width(head))[::-1]
    return f"{head}…{tail}"


def _fitting(text: str, width: int) -> str:
    """Longest start of ``text`` that is at most ``width`` wide."""
    used = 0
    for position, character in enumerate(text):
        used += _character_width(character)
        if used > width:
            return text[:position]
    return text
