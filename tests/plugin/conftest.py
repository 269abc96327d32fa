"""What the plugin's tests share: sessions in a folder of their own, with real workers on the CPU."""

import itertools
import os
import re
import subprocess
import sys

import pytest

# Imported once, here: pytester takes out of a session in this process what that has imported.
import pytest_modelbench.session.hooks  # noqa: F401
from tests.unit.store_checks import entries_in

WHO = {f"GIT_{role}_{what}": "you@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
RECORDS = "def test_one(modelbench):\n    modelbench.record('answer', {})\n"


@pytest.fixture
def pytester(pytester, monkeypatch):
    """pytest's own, whose sessions and workers leave out plugins that take longer to import than all the rest."""
    others = [
        "hypothesispytest",
        "anyio",
        "allure_pytest",
        "pytest_cov",
        "randomly",
        "pytest-split",
        "timeout",
        "syrupy",
    ]
    monkeypatch.setenv("PYTEST_ADDOPTS", " ".join(f"-p no:{name}" for name in others))
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)  # what is planted here is not to be told in the job's list
    return pytester


@pytest.fixture
def bench(pytester):
    """Runs ``pytest --modelbench`` on ``source`` (or on what is there) in one round, or as the arguments say.

    The controller runs in this very process, which saves its start and imports. Not so ``apart``: for what writes past
    sys.stdout, patches our modules, measures in the controller's own process, or lets it import torch, which no process
    can do twice, as it collects the tests.
    """

    seconds = itertools.count()

    def run(*arguments, source=None, rounds="1", apart=False):
        if source is not None:
            path = pytester.makepyfile(test_it=source)
            # Bytecode is taken for a file's by its size and the second of its last change: of two, one would be missed.
            changed = path.stat().st_mtime + next(seconds)
            os.utime(path, (changed, changed))
        command = ["--modelbench", "--device=cpu", *arguments]
        if rounds and "--update-baselines" not in arguments:
            command.append(f"--modelbench-rounds={rounds}")
        apart = apart or "--modelbench-inline" in arguments or any(map(_imports_torch, pytester.path.glob("*.py")))
        return (pytester.runpytest_subprocess if apart else pytester.runpytest_inprocess)(*command)

    return run


def _imports_torch(path):
    return re.search(r"^(import|from) (torch|timm)\b", path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture
def git(pytester, monkeypatch):
    """Runs git in the project, as somebody without a configuration; checkouts go to a cache of the test's own."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("XDG_CACHE_HOME", str(pytester.path.parent / "cache"))

    def git(*arguments):
        who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
        subprocess.run(["git", *who, *arguments], cwd=pytester.path, capture_output=True, check=True)

    return git


@pytest.fixture
def accept(bench, pytester):
    """Accepts what the tests measure, in two processes; ``exits``: with which status, as a busy machine has a say."""
    pytester.makepyprojecttoml("[tool.modelbench]\nupdate-rounds = 2\n")

    def run(*arguments, source=None, exits=(0,)):
        result = bench("--update-baselines", *arguments, source=source)
        assert result.ret in exits, result.stdout.str()
        return result

    return run


@pytest.fixture
def stored(pytester):
    """Every baseline entry on disk: ``{folder: {test: {name: entry}}}``."""

    def read():
        folders = {}
        for path in sorted((pytester.path / "baselines").glob("*/*.json")):
            folders.setdefault(path.parent.name, {}).update(entries_in(path))
        return folders

    return read


@pytest.fixture
def tree(pytester):
    """Writes files below the root, by path, and makes their folders; ``.git`` marks the top of the repository."""

    def write(files):
        pytester.path.joinpath(".git").mkdir(exist_ok=True)
        for name, text in files.items():
            path = pytester.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


@pytest.fixture
def mono(tree):
    """A repository whose root configures pytest, with a package that has settings of its own, and one that has none."""
    tree(
        {
            "pyproject.toml": "[tool.pytest.ini_options]\n",
            "packages/a/pyproject.toml": '[tool.modelbench]\nmissing = "fail"\nupdate-rounds = 2\n',
            "packages/a/tests/test_a.py": RECORDS.format(1),
            "packages/b/test_b.py": RECORDS.format(2),
            "ci/bench.ini": "[pytest]\n",
        }
    )


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """A folder of its own, and what runs a command line in it as a terminal of 80 columns would: status and output."""
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
