"""The tutorial, followed from its first command to its last in a fresh folder: what it shows is what is printed."""

from pathlib import Path

import pytest

import pytest_modelbench
from tests.walkthrough import Command, do, missing, steps

PAGE = Path(pytest_modelbench.__file__).parents[1] / "docs/tutorial.md"


@pytest.mark.long
def test_every_command_of_the_tutorial_prints_what_the_page_shows(shell):
    folder, run = shell
    before = ""
    for step in steps(PAGE.read_text(encoding="utf-8")):
        if not isinstance(step, Command):
            do(step, folder)
            continue
        status, printed = run(step.line)
        if any(line.startswith(("1 inconclusive", "NOT ACCEPTED")) for line in printed.splitlines()):
            pytest.skip(f"this machine is too busy to judge a time, and says so:\n{printed}")
        expected = 1 if step.line == "pytest --modelbench" and "Tidy" in before else 0
        assert status == expected, printed
        lacking = missing(step.output, printed.splitlines())
        assert lacking is None, f"{step.line} does not print, in its place: {lacking}\n{printed}"
        before = step.line
