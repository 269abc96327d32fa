"""What a session says of its sources: of the code that it measured, and not of the files that it wrote."""

import json
import subprocess

import pytest

COUNT = "def test_net(modelbench):\n    modelbench.record('blocks', 3)\n"


@pytest.fixture
def git(pytester, monkeypatch):
    """Runs git in the project, which has one commit: its settings, and no test."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")

    def run(*arguments):
        who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
        done = subprocess.run(["git", *who, *arguments], cwd=pytester.path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    pytester.makepyprojecttoml("[tool.modelbench]\nupdate-rounds = 2\nbaselines = 'stored/of mine'\n")
    (pytester.path / ".gitignore").write_text("__pycache__\nrunpytest-*\nstdout\nstderr\n")
    run("init", "--quiet")
    run("add", "--all")
    run("commit", "--quiet", "--message", "settings")
    return run


def stamp(pytester):
    return json.loads((pytester.path / "results.json").read_text())["session"]["stamp"]


@pytest.mark.slow
def test_accepting_twice_is_clean_both_times_and_a_test_that_git_does_not_know_is_not(bench, pytester, git):
    pytester.makepyfile(test_it=COUNT)
    assert bench("--update-baselines", "--modelbench-json=results.json").ret == 0
    assert (stamp(pytester)["commit"], stamp(pytester)["dirty"]) == (git("rev-parse", "HEAD"), True)
    git("add", "test_it.py")
    git("commit", "--quiet", "--message", "test")
    for value in (3, 4):
        (pytester.path / "test_it.py").write_text(COUNT.replace("3", str(value)))
        git("commit", "--quiet", "--all", "--message", "value", "--allow-empty")
        assert bench("--update-baselines", "--modelbench-json=results.json").ret == 0
        assert (stamp(pytester)["commit"], stamp(pytester)["dirty"]) == (git("rev-parse", "HEAD"), False)
    (stored,) = (pytester.path / "stored/of mine").rglob("*.json")
    records = json.loads(stored.read_text())["records"]
    assert [one["dirty"] for one in records if one and "session" in one] == [False]


@pytest.mark.slow
def test_a_test_that_git_ignores_belongs_to_no_commit(bench, pytester, git):
    (pytester.path / ".git/info/exclude").write_text("test_it.py\n")
    bench("--modelbench-json=results.json", source=COUNT)
    assert stamp(pytester)["dirty"] is True


@pytest.mark.slow
def test_a_repository_of_another_owner_is_told_with_the_command_that_mends_it(bench, pytester, git, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    result = bench("--update-baselines", "--modelbench-json=results.json", source=COUNT)
    assert stamp(pytester)["commit"] is None
    result.stdout.fnmatch_lines([f"*git config --global --add safe.directory {pytester.path}"])
