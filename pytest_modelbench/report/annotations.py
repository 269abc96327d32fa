"""Annotations of GitHub Actions: lines of output that GitHub shows at a test's own line, in the list of changes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_modelbench.core.printable import printable, printable_lines
from pytest_modelbench.core.session import Outcome, TestResult

#: Of each kind, GitHub shows the first ten of a step and drops the others without a word.
#: https://github.com/actions/toolkit/blob/main/docs/problem-matchers.md#limitations
_MOST = 10
#: A message takes up a part of a page; what a test's report says beyond that stands in the log.
_MOST_CHARACTERS = 4_000
_MOST_OF_A_TITLE = 120
#: Where a command begins in what is printed.
_COMMAND = re.compile(r"^\s*::|##\[", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file; ``path`` starts from the workspace, and is empty for a file outside of it."""

    path: str
    line: int


def annotation_lines(tests: Sequence[TestResult], places: Mapping[str, Place]) -> list[str]:
    """Lines to print for the ``tests`` that the gate failed or left undecided, each at its place, failed ones first."""
    failed = [test for test in tests if test.by_verdict]
    undecided = [test for test in tests if test.outcome is Outcome.INCONCLUSIVE]
    return [*_of_kind("error", failed, places, "failed"), *_of_kind("warning", undecided, places, "are undecided")]


def without_commands(text: str) -> str:
    """``text``, of which no line is a command of GitHub's runner, whatever names are.

    It takes lines for one that begin with ``::``, blanks aside, and its older form anywhere in a line. A sign of no
    width would not do: comparisons may skip it.
    """
    return _COMMAND.sub(lambda found: f"{found[0][:-1]} {found[0][-1]}", text)


def _of_kind(kind: str, tests: Sequence[TestResult], places: Mapping[str, Place], what: str) -> list[str]:
    shown = tests if len(tests) <= _MOST else tests[: _MOST - 1]
    lines = [_annotation(kind, _title(test.test), test.message, places.get(test.test)) for test in shown]
    if left := len(tests) - len(shown):
        lines.append(_annotation(kind, "modelbench", f"{left} more tests {what}: the log of this step has them", None))
    return lines


def _title(test: str) -> str:
    name = test.partition("::")[2] or test
    return _cut(f"modelbench: {printable(name)}", _MOST_OF_A_TITLE)


def _annotation(kind: str, title: str, message: str, place: Place | None) -> str:
    properties = {"file": place.path, "line": str(place.line)} if place and place.path else {}
    told = ",".join(f"{name}={_property(value)}" for name, value in {**properties, "title": title}.items())
    return f"::{kind} {told}::{_data(_cut(printable_lines(message), _MOST_CHARACTERS))}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 4]} ..."


def _data(text: str) -> str:
    """``text`` as the message of a command, which ends with its line."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """``text`` as the value of a property, which also ends at a comma, as they all do at a colon."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
