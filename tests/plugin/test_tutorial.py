"""The tutorial, followed from its first command to its last in a fresh folder: what it shows is what is printed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_modelbench
from tests.walkthrough import Command, do, missing, steps

PAGE = Path(pytest_modelbench.__file__).parents[1] / "docs/tutorial.md"
WHO = {f"GIT_{role}_{what}": "you@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """Runs a command line as a terminal of 80 columns would, in a folder of its own; gives status and output."""
    folder, programs = tmp_path / "gate", tmp_path / "bin"
    folder.mkdir()
    programs.mkdir()
    # Not every environment that runs these tests has pytest's script, or this interpreter's folder on its path.
    script = programs / "pytest"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pytest "$@"\n')
    script.chmod(0o755)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("CI", raising=False)
    around = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "80",
        "NO_COLOR": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        **WHO,
    }

    def run(line):
        done = subprocess.run(
            line,
            shell=True,
            cwd=folder,
            env={**os.environ, **around},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        return done.returncode, done.stdout

    return folder, run


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
