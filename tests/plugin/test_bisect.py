"""Bisections of real repositories, by the command and with real workers."""

import json
import subprocess
import sys

import pytest

COUNT = """
from nets import net

def test_net(modelbench):
    modelbench.record("blocks", len(net()))
"""
#: What `net` counts, commit by commit; None: it cannot be imported.
BLOCKS = (3, 3, 3, None, 3, 4, 4, 4)


@pytest.fixture
def repository(pytester, git):
    """A project of so many commits, whose last one has the test, if it is ``late``."""

    def write(blocks=BLOCKS, *, late=False):
        git("init", "--quiet")
        pytester.makepyprojecttoml("[tool.pytest.ini_options]\npythonpath = ['.']\n[tool.modelbench]\n")
        (pytester.path / ".gitignore").write_text("__pycache__\n.pytest_cache\nrunpytest-*\n")
        for number, count in enumerate(blocks):
            if not late or number == len(blocks) - 1:
                pytester.makepyfile(test_it=COUNT)
            body = "def net(:" if count is None else f"# {number}\ndef net():\n    return [0] * {count}\n"
            (pytester.path / "nets.py").write_text(body)
            git("add", "--all")
            git("commit", "--quiet", "--message", f"commit {number}")

    return write


def bisect(pytester, *arguments):
    command = [sys.executable, "-m", "pytest_modelbench.cli", "bisect", *arguments]
    return subprocess.run(command, cwd=pytester.path, capture_output=True, text=True, timeout=300)


def test_the_commit_is_found_past_one_that_is_broken_and_nothing_is_left_behind(pytester, repository):
    repository()
    before = _state(pytester)
    done = bisect(pytester, "HEAD~7..HEAD")
    assert done.returncode == 0, done.stdout
    assert "first in " in done.stdout and '"commit 5"' in done.stdout  # noqa: PT018
    assert "blocks blocks: +33.3%, 3 -> 4  (test_it.py::test_net)" in done.stdout
    assert '"commit 3": left out, it does not get through there: test_it.py cannot be imported:' in done.stdout
    assert _state(pytester) == before


def test_commits_that_have_to_be_built_are_built_and_one_that_cannot_be_is_left_out(pytester, repository):
    repository()
    pytester.makepyfile(test_it=COUNT.replace("nets", "built"), built="def net():\n    return []\n")
    build = "--modelbench-build=python -m py_compile nets.py && cp nets.py built.py"
    done = bisect(pytester, "HEAD~7..HEAD", "--own-tests", f"--pytest={build}")
    assert done.returncode == 0, done.stdout
    assert "first in " in done.stdout and '"commit 5"' in done.stdout  # noqa: PT018
    assert '"commit 3": left out, ' in done.stdout and "cannot be built: " in done.stdout  # noqa: PT018


def test_a_commit_without_the_test_runs_it_as_it_is_here_and_plain_values_are_all_that_is_printed(pytester, repository):
    repository((3, 3, 4, 4), late=True)
    done = bisect(pytester, "HEAD~3..", "--json", "test_it.py::test_net")
    assert done.stdout, done.stderr
    (check,) = json.loads(done.stdout)["checks"]
    assert (done.returncode, check["ended"], check["first_after"]["told"]) == (0, "found", "commit 2")
    assert "searches HEAD~3.." in done.stderr


def test_a_range_without_the_change_is_status_1_and_says_that_it_is_not_the_code(pytester, repository):
    repository((3, 3, 3))
    done = bisect(pytester, "HEAD~2..")
    assert done.returncode == 1
    assert "what changed is not the code" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["HEAD"], "write GOOD..BAD"),
        (["HEAD..HEAD~1"], "turn the range around"),
        (["HEAD~1..HEAD", "--maker", "x"], "name it with --package"),
        (["HEAD~1..HEAD", "--pytest=--update-baselines"], "works on stored baselines"),
    ],
)
def test_what_cannot_be_searched_is_refused_with_status_4(pytester, repository, arguments, said):
    repository((3, 4))
    done = bisect(pytester, *arguments)
    assert done.returncode == 4
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def _state(pytester):
    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=pytester.path, capture_output=True, text=True, check=True).stdout

    cache = pytester.path.parent / "cache"
    left = [path.name for path in cache.rglob("*") if path.name.startswith("nets")]
    return git("rev-parse", "HEAD"), git("status", "--porcelain"), git("worktree", "list"), git("branch"), left
