"""The coverage page: what it says of a row, and that the committed one is of the present catalog."""

from dataclasses import replace
from pathlib import Path

from pytest_modelbench.published.catalog.cases import CaseSpec
from pytest_modelbench.published.catalog.figures import Figure
from pytest_modelbench.published.catalog.rows import PublishedRow, Table
from pytest_modelbench.published.catalog.tables import rows, tables
from pytest_modelbench.published.coverage import render

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"

CASE = CaseSpec("resnet18", 1, (64, 64))
FIGURES = (
    Figure("parameters", "Params", "11.7M", 11.7e6, "count", case=CASE),
    Figure("top1", "Top-1", "69.8%", 0.698, "fraction", case=CASE),
    Figure("latency", "Time (ms)", "1.2", 0.0012, "s", case=CASE),
)
ROW = PublishedRow(
    "speed/one", ("one|two", "11.7M", "69.8%", "1.2"), (CASE,), FIGURES, "Printed <twice>.", needs=("imagenet",),
    tests=("tests/benchmarks/test_a.py::test_b[resnet18-b1-64-fp32]", "tests/benchmarks/test_c.py::test_d[resnet18]"),
)  # fmt: skip
COLUMNS = ("Model", "Params", "Top-1", "Time (ms)")
TABLE = Table("speed", "guide", "Speed", "V100", "A note.", COLUMNS, (ROW,), "Batch 1")


def body(*found, tests=None):
    """The lines that come after the introduction."""
    page = render([replace(TABLE, rows=found)], tests or {row.id: row.tests for row in found})
    return page[page.index("\n## ") :].splitlines()


def test_the_committed_page_is_that_of_the_catalog():
    """Write it with: python -m pytest_modelbench.published.coverage > docs/coverage.md"""
    assert PAGE.read_text() == render(tables(), {row.id: row.tests for row in rows()})


def test_a_row_is_shown_with_its_cases_its_tests_and_what_it_needs():
    assert body(ROW) == [
        "",
        "## The benchmark guide",
        "",
        "### Speed",
        "",
        "Hardware as stated: V100. Stated: “Batch 1”",
        "",
        "A note.",
        "",
        "| row | case | test | portable | CPU | CUDA | state |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| one\\|two | `resnet18-b1-64-fp32` | `test_a.py::test_b`<br>`test_c.py::test_d[resnet18]` | Params "
        "| Time (ms) | Time (ms) | runs; Top-1 needs *imagenet*. Printed &lt;twice&gt;. |",
        "",
        "## What rows need",
        "",
        "- *imagenet*: labelled ImageNet images (`--modelbench-data`), and a hub that pretrained weights are fetched "
        "from.",
    ]


def state(row, tests=None):
    return body(row, tests=tests)[11].removesuffix(" |").rpartition(" | ")[2]


def test_the_state_says_what_is_lacking():
    assert state(ROW, {"another": ()}) == "**no test**"
    assert state(replace(ROW, needs=(), remark="")) == "runs"
    assert state(replace(ROW, needs=("segmentation",), remark="")) == "runs with *segmentation*"
    assert state(replace(ROW, needs=("accelerator",), figures=(), cases=(), remark="")) == "needs *accelerator*"
    recommended = replace(ROW, needs=(), remark="", rule="fastest")
    assert state(recommended) == "runs; rule *fastest* of `pytest-modelbench guide`"
    hours = Figure("training_time", "Time", "8h", 28800.0, "s")
    assert state(replace(ROW, needs=(), remark="", figures=(hours,))) == "runs; of the training time, the step"


def test_a_row_without_a_test_is_counted():
    other = replace(ROW, id="speed/other")
    page = render([replace(TABLE, rows=(ROW, other))], {ROW.id: ROW.tests})
    assert "2 rows, 1 distinct case, 2 tests; 1 row without a test." in page
    assert "1 row, 1 distinct case, 2 tests; no row without a test." in render([TABLE], {ROW.id: ROW.tests})
