"""Commits of a range, of real repositories."""

import subprocess

import pytest

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.vcs.range import commits_between, split_range


@pytest.fixture
def git(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")

    def run(*arguments):
        who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
        done = subprocess.run(["git", *who, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    run("init", "--quiet", "--initial-branch=main")
    return run


@pytest.fixture
def commit(git):
    def make(message):
        git("commit", "--quiet", "--allow-empty", "--message", message)
        return git("rev-parse", "HEAD")

    return make


def test_commits_come_oldest_first_and_the_first_one_is_apart(commit, tmp_path):
    ids = [commit(f"number {number}") for number in range(5)]
    first, others = commits_between(tmp_path, ids[1], "HEAD")
    assert (first.id, first.subject) == (ids[1], "number 1")
    assert [one.id for one in others] == ids[2:]
    assert [one.subject for one in others] == ["number 2", "number 3", "number 4"]
    assert not any(one.is_merge for one in others)


def test_a_merge_is_one_step(git, commit, tmp_path):
    start = commit("start")
    git("checkout", "--quiet", "-b", "side")
    commit("on the side")
    git("checkout", "--quiet", "main")
    main = commit("on main")
    git("merge", "--quiet", "--no-ff", "--message", "together", "side")
    _, others = commits_between(tmp_path, start, "main")
    assert [one.subject for one in others] == ["on main", "together"]
    assert [one.is_merge for one in others] == [False, True]
    with pytest.raises(
        UsageError, match=f"came into main by a merge: search along its first parents, {start[:10]}..main"
    ):
        commits_between(tmp_path, "side", "main")
    assert [one.id for one in commits_between(tmp_path, main, "main")[1]][:1] != [main]


def test_ends_that_make_no_range_are_refused_with_one_that_does(git, commit, tmp_path):
    start = commit("start")
    end = commit("end")
    with pytest.raises(UsageError, match="turn the range around, "):
        commits_between(tmp_path, end, start)
    with pytest.raises(UsageError, match="are the same commit"):
        commits_between(tmp_path, end, "main")
    git("checkout", "--quiet", "-b", "other", start)
    commit("elsewhere")
    with pytest.raises(UsageError, match=f"both have {start[:10]} in common: {start[:10]}..other"):
        commits_between(tmp_path, "main", "other")
    git("checkout", "--quiet", "--orphan", "alone")
    commit("alone")
    with pytest.raises(UsageError, match="no history in common"):
        commits_between(tmp_path, "main", "alone")


def test_a_shallow_clone_says_how_to_deepen_it(git, commit, tmp_path):
    git("tag", "old", commit("old"))
    commit("between")
    commit("new")
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{tmp_path}", "shallow"], cwd=tmp_path, check=True)
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "fetch", "--quiet", "--depth=1", "origin", "tag", "old"], cwd=shallow, check=True)
    with pytest.raises(UsageError, match="git fetch --unshallow"):
        commits_between(shallow, "old", "HEAD")


@pytest.mark.parametrize("text", ["", "a", "..", "..b", "a...b", "a..b..c"])
def test_what_is_no_range_is_refused(text):
    with pytest.raises(UsageError, match=r"write GOOD\.\.BAD"):
        split_range(text)


def test_a_range_may_be_open_at_its_end():
    assert split_range("v1.2..") == ("v1.2", "HEAD")
    assert split_range("v1.2..main") == ("v1.2", "main")
