"""A session as CSV."""

from __future__ import annotations

import csv
import io

from pytest_modelbench.core.printable import printable
from pytest_modelbench.core.session import Session
from pytest_modelbench.report.export.rows import COLUMNS, Cell, rows


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
    return printable(cell) if isinstance(cell, str) else repr(cell)
