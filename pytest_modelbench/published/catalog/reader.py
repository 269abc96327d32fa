"""From a catalog file to tables, strictly: a misspelt key or a figure that cannot be read is an error, never dropped.

A file has ``document``, ``title`` and tables. A table's ``columns`` say how the cells of its rows are read, and which
case stands behind a figure; what a case is made from is put together from the table's ``case``, the row's ``case``, the
column's ``case`` and the row's ``overrides`` for that figure, the later ones winning. A row whose columns have no cases
is measured as each of the table's ``cases``, or of its own. ``models`` of a row make as many cases each. Nothing here
measures the figures in a row's ``unmeasured``: they have no case, and need nothing.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from pytest_modelbench.core.errors import UsageError, did_you_mean
from pytest_modelbench.core.tasks import USUAL_CLASSES, USUAL_FPN_CHANNELS
from pytest_modelbench.published.catalog.cases import MODES, CaseSpec
from pytest_modelbench.published.catalog.figures import FACTORS, Figure, read_printed
from pytest_modelbench.published.catalog.node_ids import FOLDER, function_of, node_id
from pytest_modelbench.published.catalog.rows import NEEDS, PublishedRow, Table

_FILE = frozenset({"document", "title", "table"})
_TABLE = frozenset({"id", "title", "hardware", "stated", "note", "columns", "case", "cases", "tests", "needs", "row"})
_COLUMN = frozenset({"header", "figure", "unit", "reads", "case", "hardware", "needs"})
_ROW = frozenset(
    {
        "id", "cells", "model", "models", "case", "cases", "overrides", "unmeasured", "reads", "remark", "rule",
        "tests", "needs",
    }
)  # fmt: skip
_CASE = frozenset(field.name for field in fields(CaseSpec))
#: Heads that stand on a library which is an extra.
_HEAD_EXTRAS = {"deeplabv3plus": "segmentation", "dpt": "segmentation"}


@dataclass(frozen=True, slots=True)
class _ColumnFormat:
    """How one column is read. Without ``figure`` it holds words."""

    header: str
    figure: str
    unit: str
    reads: str
    case: Mapping[str, Any] | None
    hardware: str
    needs: tuple[str, ...]


def read_tables(text: str, file: str) -> tuple[Table, ...]:
    """The tables in ``text``; raises UsageError naming ``file``, table and row."""
    # Python 3.10 has no tomllib; pytest depends on tomli there.
    tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        data = tomllib.loads(text)
    except ValueError as error:
        raise UsageError(f"{file}: is not TOML: {error}") from None
    _check_keys(data, _FILE, required=_FILE, where=file)
    read = tuple(_table(table, data["document"], file) for table in data["table"])
    _check_unique((table.id for table in read), f"{file}: table")
    return read


def _table(data: Mapping[str, Any], document: str, file: str) -> Table:
    where = f"{file}: table {data.get('id', '?')}"
    _check_keys(data, _TABLE, required={"id", "title", "columns", "row"}, where=where)
    hardware = data.get("hardware", "")
    columns = [_column(column, hardware, f"{where}: column {column.get('header', '?')}") for column in data["columns"]]
    _check_unique((column.figure for column in columns if column.figure), f"{where}: figure")
    rows = tuple(_row(row, data, columns, f"{where}: row {row.get('id', '?')}") for row in data["row"])
    _check_unique((row.id for row in rows), f"{where}: row")
    return Table(
        data["id"], document, data["title"], hardware, data.get("note", "").strip(),
        tuple(column.header for column in columns), rows, data.get("stated", ""),
    )  # fmt: skip


def _column(data: Mapping[str, Any], hardware: str, where: str) -> _ColumnFormat:
    _check_keys(data, _COLUMN, required={"header"}, where=where)
    figure = data.get("figure", "")
    if not figure and data.keys() != {"header"}:
        raise UsageError(f"{where}: has {', '.join(sorted(data.keys() - {'header'}))} but no 'figure' to apply it to")
    if figure and data.get("unit") not in FACTORS:
        raise UsageError(f"{where}: unit {data.get('unit')!r} is none of {', '.join(FACTORS)}")
    return _ColumnFormat(
        data["header"], figure, data.get("unit", ""), data.get("reads", ""), data.get("case"),
        data.get("hardware", hardware), _needs(data, where),
    )  # fmt: skip


def _row(
    data: Mapping[str, Any], table: Mapping[str, Any], columns: Sequence[_ColumnFormat], where: str
) -> PublishedRow:
    _check_keys(data, _ROW, required={"id", "cells"}, where=where)
    cells = tuple(data["cells"])
    if len(cells) != len(columns) or not all(isinstance(cell, str) for cell in cells):
        raise UsageError(f"{where}: has {len(cells)} cells for {len(columns)} columns; write each as text")
    figures_named = {column.figure for column in columns if column.figure}
    for key in ("overrides", "unmeasured", "reads"):
        _check_keys(data.get(key, ()), figures_named, where=f"{where}: {key}")
    unmeasured = frozenset(data.get("unmeasured", ()))
    models = data.get("models", [data["model"]] if "model" in data else [None])
    common = {**table.get("case", {}), **data.get("case", {})}
    bases = [{**common, **({"model": model} if model else {})} for model in models]
    figures, cases = [], []
    for column, cell in zip(columns, cells, strict=True):
        if not column.figure:
            continue
        case = None
        if column.case is not None:
            override = data.get("overrides", {}).get(column.figure, {})
            made = [_case({**base, **column.case, **override}, where) for base in bases]
            cases += made
            case = made[0] if len(made) == 1 and column.figure not in unmeasured else None
        figures.append(_figure(column, cell, data.get("reads", {}).get(column.figure), case, where))
    for pattern in data.get("cases", table.get("cases", [])):
        cases += [_case({**base, **pattern}, where) for base in bases]
    distinct = tuple(dict.fromkeys(cases))
    needs = [*_needs(table, where), *_needs(data, where)]
    needs += [need for column in columns if column.figure not in unmeasured for need in column.needs]
    needs += [_HEAD_EXTRAS[case.head] for case in distinct if case.head in _HEAD_EXTRAS]
    tests = [node_id(function_of(case), case.id) for case in distinct]
    for template in [*data.get("tests", []), *table.get("tests", [])]:
        tests += [_test(template, case, where) for case in distinct] or [f"{FOLDER}/{template}"]
    return PublishedRow(
        f"{table['id']}/{data['id']}", cells, distinct, tuple(figures), data.get("remark", ""), data.get("rule", ""),
        tuple(dict.fromkeys(tests)), tuple(dict.fromkeys(needs)),
    )  # fmt: skip


def _figure(column: _ColumnFormat, cell: str, reads: str | None, case: CaseSpec | None, where: str) -> Figure:
    try:
        value, spread = read_printed(cell, column.unit, reads or column.reads)
    except ValueError as error:
        raise UsageError(f"{where}: {column.figure}: {error}") from None
    return Figure(column.figure, column.header, cell, value, column.unit, spread, case, column.hardware)


def _case(data: dict[str, Any], where: str) -> CaseSpec:
    _check_keys(data, _CASE, required={"model", "batch_size", "image_size"}, where=f"{where}: case")
    size = data["image_size"]
    data["image_size"] = (size, size) if isinstance(size, int) else (size[0], size[1])
    technique = data.get("technique", ())
    data["technique"] = (technique,) if isinstance(technique, str) else tuple(technique)
    data["options"] = tuple(sorted(data.get("options", {}).items()))
    if data.get("task", "classification") not in USUAL_CLASSES:
        raise UsageError(f"{where}: task {data['task']!r} is none of {', '.join(USUAL_CLASSES)}")
    if data.get("mode", "inference") not in MODES:
        raise UsageError(f"{where}: mode {data['mode']!r} is none of {', '.join(MODES)}")
    # What is written out and what is left to its default are one case.
    usual = {"fpn_channels": USUAL_FPN_CHANNELS, "num_classes": USUAL_CLASSES[data.get("task", "classification")]}
    case = CaseSpec(**{key: value for key, value in data.items() if usual.get(key) != value})
    if (case.task == "classification") == bool(case.head):
        raise UsageError(f"{where}: task {case.task} with head {case.head!r}; every task but classification has a head")
    return case


def _test(template: str, case: CaseSpec, where: str) -> str:
    try:
        return f"{FOLDER}/" + template.format(model=case.model, name=case.source_name, batch_size=case.batch_size)
    except (KeyError, IndexError) as error:
        raise UsageError(f"{where}: test {template!r} has a field {error}; there are model, name, batch_size") from None


def _needs(data: Mapping[str, Any], where: str) -> tuple[str, ...]:
    needs = tuple(data.get("needs", ()))
    for need in needs:
        if need not in NEEDS:
            raise UsageError(f"{where}: needs {need!r}, which is none of {', '.join(NEEDS)}")
    return needs


def _check_keys(
    data: Iterable[str], known: Iterable[str], *, required: Iterable[str] = (), where: str
) -> None:  # fmt: skip
    for key in data:
        if key not in known:
            raise UsageError(f"{where}: there is no {key!r}.{did_you_mean(key, known)}")
    for key in sorted(required):
        if key not in data:
            raise UsageError(f"{where}: {key!r} is missing")


def _check_unique(names: Iterable[str], where: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UsageError(f"{where} {name!r} is there twice")
        seen.add(name)
