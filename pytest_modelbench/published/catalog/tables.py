"""The catalog: every row of the benchmark guide (``guide``) and of the speed and memory comparison (``speed``).

The tables are data, ``guide.toml`` and ``speed.toml`` beside this file; nothing here imports a heavy library.
"""

from __future__ import annotations

import functools
from importlib import resources

from pytest_modelbench.published.catalog.cases import CaseSpec
from pytest_modelbench.published.catalog.figures import Figure
from pytest_modelbench.published.catalog.node_ids import function_of
from pytest_modelbench.published.catalog.reader import read_tables
from pytest_modelbench.published.catalog.rows import NEEDS, PublishedRow, Table

__all__ = ["NEEDS", "CaseSpec", "Figure", "PublishedRow", "Table", "cases", "rows", "table", "tables", "timed_cases"]

_FILES = ("guide.toml", "speed.toml")
#: Units of what has to be timed.
_TIMED = frozenset({"s", "images/s", "ratio"})


@functools.cache
def tables() -> tuple[Table, ...]:
    """Every table of both documents, in their order."""
    folder = resources.files(__package__)
    return tuple(
        table for file in _FILES for table in read_tables(folder.joinpath(file).read_text(encoding="utf-8"), file)
    )


def table(id: str) -> Table:
    """The table with this id; KeyError if there is none."""
    for candidate in tables():
        if candidate.id == id:
            return candidate
    raise KeyError(f"the catalog has no table {id!r}; it has {', '.join(table.id for table in tables())}")


def rows() -> tuple[PublishedRow, ...]:
    """Every row of both documents, in their order."""
    return tuple(row for table in tables() for row in table.rows)


def cases(function: str = "") -> tuple[CaseSpec, ...]:
    """Every distinct case, in order of appearance.

    With ``function``, ``test_published_inference.py::test_inference``, those alone that it measures.
    """
    distinct = dict.fromkeys(case for row in rows() for case in row.cases)
    return tuple(case for case in distinct if function in ("", function_of(case)))


@functools.cache
def timed_cases() -> frozenset[CaseSpec]:
    """The cases that a row prints a time or a rate of, and those of rows that print no figure at all.

    Of the others, published for their memory or parameters alone, a time at a reduced size would say nothing.
    """
    printed = {figure.case for row in rows() for figure in row.figures if figure.unit in _TIMED and figure.case}
    return frozenset(printed | {case for row in rows() if not row.figures for case in row.cases})
