"""A session as CSV."""

from __future__ import annotations

import csv
import io

from pytest_modelbench.core.printable import printable
from pytest_modelbench.core.session import Session
from pytest_modelbench.report.export.rows import COLUMNS, Cell, rows

#: What spreadsheets take for a formula, and would run, though others chose the names.
_FORMULA = ("=", "+", "-", "@")


def render(session: Session) -> str:
    """A line of names, then one for each check; what is not known is empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(column.name for column in COLUMNS)
    writer.writerows(map(_cell, row) for row in rows(session))
    return stream.getvalue()


def _cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if not isinstance(cell, str):
        return repr(cell)
    text = printable(cell)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
