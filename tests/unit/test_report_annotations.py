"""Annotations, as GitHub's runner reads them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.session import Outcome, TestResult
from pytest_modelbench.report.annotations import Place, annotation_lines, without_commands


def failed(test: str, message: str = "r: latency regressed") -> TestResult:
    return TestResult(test, Outcome.FAILED, 1.0, message, by_verdict=True)


def undecided(test: str, message: str = "r: latency is inconclusive") -> TestResult:
    return TestResult(test, Outcome.INCONCLUSIVE, 1.0, message)


def read(line: str) -> tuple[str, dict[str, str], str]:
    """Kind, properties and message of a command, by the rules of GitHub's runner."""
    found = re.fullmatch(r"::(\w+) ([^\n\r]*?)::([^\n\r]*)", line)
    assert found, line
    kind, told, message = found.groups()
    properties = dict(one.split("=", 1) for one in told.split(","))
    for code, sign in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        properties = {name: value.replace(code, sign) for name, value in properties.items()}
        message = message.replace(code, sign) if code not in ("%3A", "%2C") else message
    return kind, properties, message


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("::stop-commands::x", ": :stop-commands::x"),
        ("  \t::add-mask::x", "  \t: :add-mask::x"),
        ("a ##[error]x", "a ## [error]x"),
        ("t.py::test_a", "t.py::test_a"),
    ],
)
def test_no_line_that_begins_with_a_name_is_a_command(line: str, told: str) -> None:
    assert without_commands(f"first\n{line}\n\n{line}") == f"first\n{told}\n\n{told}"


def test_what_failed_by_its_verdict_is_an_error_at_its_line_and_what_is_open_a_warning() -> None:
    tests = (
        undecided("a/test_a.py::test_open"),
        failed("a/test_a.py::test_slow[100%: a,b]", "slow: latency regressed by +9%\n  now  1 s"),
        TestResult("a/test_a.py::test_own", Outcome.FAILED, 1.0, "AssertionError"),
        TestResult("a/test_a.py::test_fine", Outcome.PASSED, 1.0),
    )
    places = {"a/test_a.py::test_slow[100%: a,b]": Place("pkg/a/test_a.py", 7)}
    assert annotation_lines(tests, places) == [
        "::error file=pkg/a/test_a.py,line=7,title=modelbench%3A test_slow[100%25%3A a%2Cb]::"
        "slow: latency regressed by +9%25%0A  now  1 s",
        "::warning title=modelbench%3A test_open::r: latency is inconclusive",
    ]


@pytest.mark.parametrize(("count", "shown"), [(10, 10), (11, 9), (500, 9)])
def test_no_more_than_github_shows_and_the_rest_is_counted(count: int, shown: int) -> None:
    lines = annotation_lines([failed(f"t.py::test_{at}") for at in range(count)], {})
    titles = [read(line)[1]["title"] for line in lines]
    assert len(lines) == 10
    assert titles[:shown] == [f"modelbench: test_{at}" for at in range(shown)]
    if count > 10:
        assert lines[-1] == f"::error title=modelbench::{count - 9} more tests failed: the log of this step has them"


@given(st.text(), st.text())
def test_no_name_and_no_message_ends_a_command_or_begins_another(name: str, message: str) -> None:
    (line,) = annotation_lines([failed(f"t.py::{name}", message)], {f"t.py::{name}": Place(f"{name} t.py", 3)})
    kind, properties, _ = read(line)
    assert kind == "error"
    assert set(properties) == {"file", "line", "title"}


def test_what_is_too_long_for_a_page_is_cut() -> None:
    (line,) = annotation_lines([failed(f"t.py::{'n' * 10_000}", "m" * 100_000)], {})
    _, properties, message = read(line)
    assert len(properties["title"]) == 120
    assert len(message) == 4_000
    assert message.endswith("mm ...")
