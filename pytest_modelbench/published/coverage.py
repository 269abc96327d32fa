"""The page that shows every published row, what measures it again, and what it takes: tables in, Markdown out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from pytest_modelbench.published.catalog.figures import Figure
from pytest_modelbench.published.catalog.node_ids import FOLDER
from pytest_modelbench.published.catalog.rows import EXTRAS, NEEDS, PublishedRow, Table
from pytest_modelbench.report.markdown import escape
from pytest_modelbench.report.scale import plural

#: Where figures can be measured again, by how their names begin: portable, on a CPU, on a CUDA device. Accuracies are
#: missing here: they depend on data, not on a place.
_PLACES = {
    "parameters": (True, False, False),
    "size": (True, False, False),
    "memory": (True, False, True),
    "max_batch": (True, False, True),
    "latency": (False, True, True),
    "rate": (False, True, True),
    "speedup": (False, True, True),
    "step": (False, True, True),
    "forward": (False, True, True),
    "backward": (False, True, True),
}
#: What stands for a row that prints no figure to be measured.
_UNPRINTED = ("cost, memory", "time", "time, memory")
_ACCURACIES = ("top1", "top5", "map", "miou", "pixel_accuracy")
#: Hours on somebody else's machine; the step that they are made of is what is measured.
_DURATION = "training_time"
_HEADER = "| row | case | test | portable | CPU | CUDA | state |\n| --- | --- | --- | --- | --- | --- | --- |"
_DOCUMENTS = {
    "guide": "The benchmark guide",
    "speed": "The speed and memory comparison",
}
_INTRODUCTION = """\
# Coverage: every published row, and what measures it again

Written by `python -m pytest_modelbench.published.coverage` from the catalog,
`pytest_modelbench/published/catalog/*.toml`, which holds the figures as they were published. A test keeps this page
equal to the catalog, and every test named here in existence.

The tests lie in `{folder}/`; `pytest --modelbench --modelbench-suite=published` runs all of those called
`test_published_*`. A test without brackets runs for each case of the row, whose id is its parameter.

Which of a row's figures can be measured where: **portable** figures are the same on every machine and are those of the
published size (parameters, and peak memory followed on the meta device). On a **CPU**, times are those of one or two
small images, taken where a published figure is a time; on **CUDA** they are of the published batch and image size, and
the peak is the allocator's. The state *runs* means that nothing but the package is needed; the
[last section](#what-rows-need) says what the others need.

{tally}"""


def render(tables: Sequence[Table], tests: Mapping[str, Sequence[str]]) -> str:
    """The page. ``tests`` are node ids of the tests that exist, by row id; a row without one is said to have none."""
    rows = [row for table in tables for row in table.rows]
    parts = [_INTRODUCTION.format(folder=FOLDER, tally=_tally(rows, tests))]
    for document in dict.fromkeys(table.document for table in tables):
        parts.append(f"## {_DOCUMENTS.get(document, escape(document))}")
        parts += [_section(table, tests) for table in tables if table.document == document]
    needs = dict.fromkeys(need for row in rows for need in row.needs)
    if needs:
        parts.append("## What rows need\n\n" + "\n".join(f"- *{need}*: {NEEDS[need]}." for need in needs))
    return "\n\n".join(parts) + "\n"


def _tally(rows: Sequence[PublishedRow], tests: Mapping[str, Sequence[str]]) -> str:
    cases = {case for row in rows for case in row.cases}
    named = {test for row in rows for test in tests.get(row.id, ())}
    lacking = [row for row in rows if not tests.get(row.id)]
    text = f"{plural(len(rows), 'row')}, {plural(len(cases), 'distinct case')}, {plural(len(named), 'test')}"
    return f"{text}; {plural(len(lacking), 'row') if lacking else 'no row'} without a test."


def _section(table: Table, tests: Mapping[str, Sequence[str]]) -> str:
    parts = [f"### {escape(table.title)}"]
    told = [f"Hardware as stated: {escape(table.hardware)}."] if table.hardware else []
    told += [f"Stated: “{escape(table.stated)}”"] if table.stated else []
    parts += [" ".join(told)] if told else []
    parts += [escape(table.note)] if table.note else []
    parts.append("\n".join([_HEADER, *(_row(row, tests.get(row.id, ())) for row in table.rows)]))
    return "\n\n".join(parts)


def _row(row: PublishedRow, tests: Sequence[str]) -> str:
    parameters = {f"[{case.id}]" for case in row.cases}
    short = (test.removeprefix(f"{FOLDER}/") for test in tests)
    functions = dict.fromkeys(_without(test, parameters) for test in short)
    cells = [
        escape(row.label),
        _lines(f"`{case.id}`" for case in row.cases),
        _lines(f"`{function}`" for function in functions),
        *(_places(row) if row.cases else ("", "", "")),
        _state(row, tests),
    ]
    return f"| {' | '.join(cells)} |"


def _without(test: str, parameters: Collection[str]) -> str:
    """``test`` without its parameter, if that is one of ``parameters``."""
    function, bracket, parameter = test.partition("[")
    return function if bracket + parameter in parameters else test


def _places(row: PublishedRow) -> tuple[str, str, str]:
    """Which figures can be measured where, by their headers."""
    placed = [(figure, places) for figure in row.figures if (places := _placed(figure)) is not None]
    if not placed:
        return _UNPRINTED
    portable, cpu, cuda = (
        escape(", ".join(figure.header for figure, places in placed if places[place])) for place in range(3)
    )
    return portable, cpu, cuda


def _placed(figure: Figure) -> tuple[bool, bool, bool] | None:
    return next((places for name, places in _PLACES.items() if figure.name.startswith(name)), None)


def _state(row: PublishedRow, tests: Sequence[str]) -> str:
    """What of the row can be had at once, what it lacks, and what is to be said of it."""
    extras = [need for need in row.needs if need in EXTRAS]
    others = [need for need in row.needs if need not in EXTRAS]
    if not tests:
        return "**no test**"
    told = "runs"
    told += f" with {_names(extras)}" if extras else ""
    accuracies = [figure.header for figure in row.figures if figure.name.startswith(_ACCURACIES)]
    if others and accuracies:
        told += f"; {escape(', '.join(accuracies))} need{'' if len(accuracies) > 1 else 's'} {_names(others)}"
    elif others:
        told = f"needs {_names(others)}"
    if any(figure.name == _DURATION and figure.value is not None for figure in row.figures):
        told += "; of the training time, the step"
    told += f"; rule *{row.rule}* of `pytest-modelbench guide`" if row.rule else ""
    return told + (f". {escape(row.remark)}" if row.remark else "")


def _names(needs: Iterable[str]) -> str:
    return ", ".join(f"*{need}*" for need in needs)


def _lines(texts: Iterable[str]) -> str:
    return "<br>".join(texts)


if __name__ == "__main__":
    from pytest_modelbench.published.catalog.tables import rows as all_rows
    from pytest_modelbench.published.catalog.tables import tables as all_tables

    print(render(all_tables(), {row.id: row.tests for row in all_rows()}), end="")
