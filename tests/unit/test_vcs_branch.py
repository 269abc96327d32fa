"""A branch of its own: files are added and merged, and nothing else of a repository changes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.vcs.branch import Branch
from pytest_modelbench.vcs.git import GitError

pytestmark = pytest.mark.usefixtures("plain_git")


def run(folder, *arguments):
    return subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True).stdout


def new(path, *options):
    path.mkdir()
    run(path, "init", "-q", "-b", "main", *options)
    return path


@pytest.fixture
def project(tmp_path):
    path = new(tmp_path / "project")
    (path / "code.py").write_text("1")
    run(path, "add", "-A")
    run(path, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "code")
    return path


def contents(branch):
    files = branch.files()
    return dict(zip(files, branch.contents([blob.id for blob in files.values()]), strict=True))


def test_files_are_added_and_the_working_tree_the_index_and_head_are_as_they_were(project):
    (project / "code.py").write_text("2")
    (project / "staged.py").write_text("3")
    run(project, "add", "staged.py")
    before = (run(project, "status", "--porcelain=v2"), run(project, "rev-parse", "HEAD"))
    branch = Branch(project, "nights")
    assert not branch.exists()
    branch.change({"a": b"1\n\n", "b": b"\xff\x00"}, (), "Keep")
    branch.change({"c": b""}, (), "Keep")
    assert contents(branch) == {"a": b"1\n\n", "b": b"\xff\x00", "c": b""}
    assert (run(project, "status", "--porcelain=v2"), run(project, "rev-parse", "HEAD")) == before
    assert run(project, "log", "--format=%an %ae %s", "nights") == (
        "pytest-modelbench pytest-modelbench@localhost Keep\n" * 2
    )
    branch.change({}, ["a", "never there"], "Take away")
    assert contents(branch) == {"b": b"\xff\x00", "c": b""}


def test_nothing_that_is_there_is_written_anew_and_nothing_to_do_is_no_commit(project):
    branch = Branch(project, "nights")
    branch.change({"a": b"1"}, (), "Keep")
    tip = run(project, "rev-parse", "nights")
    branch.change({"a": b"2"}, ["b"], "Keep")
    assert contents(branch) == {"a": b"1"}
    assert run(project, "rev-parse", "nights") == tip


def test_who_commits_is_whom_git_is_told(project):
    run(project, "config", "user.name", "Somebody")
    run(project, "config", "user.email", "some@body")
    Branch(project, "nights").change({"a": b"1"}, (), "Keep")
    assert run(project, "log", "--format=%an <%ae>", "nights") == "Somebody <some@body>\n"


def test_it_works_in_a_bare_repository_in_a_worktree_and_below_the_top(project, tmp_path):
    run(project, "worktree", "add", "-q", str(tmp_path / "tree"), "-b", "other")
    (project / "deep").mkdir()
    for number, place in enumerate((project, tmp_path / "tree", project / "deep")):
        Branch(place, "nights").change({str(number): b"x"}, (), "Keep")
    assert sorted(Branch(project, "nights").files()) == ["0", "1", "2"]
    bare = Branch(new(tmp_path / "bare", "--bare"), "nights")
    bare.change({"a": b"1"}, (), "Keep")
    assert contents(bare) == {"a": b"1"}


def test_one_that_is_checked_out_anywhere_is_left_alone(project, tmp_path):
    with pytest.raises(UsageError, match=r"^git:main: this branch is checked out in .*project, where files would seem"):
        Branch(project, "main").change({"a": b"1"}, (), "Keep")
    run(project, "worktree", "add", "-q", str(tmp_path / "tree"), "-b", "other")
    with pytest.raises(UsageError, match=r"checked out in .*tree"):
        Branch(project, "other").change({"a": b"1"}, (), "Keep")


def test_outside_of_a_repository_it_is_said_so(tmp_path):
    for ask in (Branch(tmp_path, "nights").files, Branch(tmp_path, "nights").exists, Branch(tmp_path, "nights").push):
        with pytest.raises(UsageError, match="not a git repository"):
            ask()


def test_a_repository_that_cannot_be_written_is_an_error_with_what_git_said(project, monkeypatch):
    Branch(project, "nights").change({"a": b"1"}, (), "Keep")
    heads = project / ".git" / "refs" / "heads"
    (heads / "nights.lock").write_text("")  # whoever held it is gone
    monkeypatch.setattr("pytest_modelbench.vcs.branch._CHANGE_S", 0.2)
    with pytest.raises(GitError, match=r"git:nights: cannot be written in .*(?s:.*)nights.lock"):
        Branch(project, "nights").change({"b": b"1"}, (), "Keep")
    assert contents(Branch(project, "nights")) == {"a": b"1"}


WRITER = """
import sys
from pathlib import Path
from pytest_modelbench.vcs.branch import Branch

for number in range(6):
    Branch(Path(sys.argv[1]), "nights").change({f"{sys.argv[2]}-{number}": f"{number}".encode()}, (), "Keep")
"""


@pytest.mark.slow
def test_many_write_at_once_and_nothing_is_lost(project):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(project), str(one)]) for one in range(4)]
    assert [one.wait(120) for one in writers] == [0] * 4
    wanted = {f"{one}-{number}": f"{number}".encode() for one in range(4) for number in range(6)}
    assert contents(Branch(project, "nights")) == wanted
    assert run(project, "rev-list", "--count", "nights") == "24\n"
    run(project, "fsck", "--strict")


@pytest.fixture
def clones(project, tmp_path):
    remote = new(tmp_path / "remote", "--bare")
    run(project, "push", "-q", str(remote), "main")
    found = []
    for name in "ab":
        run(tmp_path, "clone", "-q", "--depth=1", f"file://{remote}", name)
        found.append(Branch(tmp_path / name, "nights"))
    return found


def test_pushing_brings_both_sides_together_also_from_clones_that_have_nothing_in_common(clones):
    a, b = clones
    a.change({"a": b"1"}, (), "Keep")
    b.change({"b": b"2"}, (), "Keep")
    assert a.push() == "pushed to origin"
    assert a.push() == "origin has all of it"
    assert b.push() == "pushed to origin"
    assert contents(b) == {"a": b"1", "b": b"2"}
    assert a.push() == "origin has all of it"
    assert contents(a) == {"a": b"1", "b": b"2"}


@pytest.mark.slow
def test_what_one_side_took_away_is_gone_and_what_the_other_added_is_kept(clones):
    a, b = clones
    a.change({"1": b"1", "2": b"2"}, (), "Keep")
    a.push()
    b.push()
    assert contents(b) == {"1": b"1", "2": b"2"}
    a.change({"folded": b"12"}, (), "Fold")
    a.change({}, ["1", "2"], "Fold")
    a.push()
    b.change({'3 "\\\n': b"3"}, (), "Keep")
    b.push()
    a.push()
    assert contents(a) == contents(b) == {"folded": b"12", '3 "\\\n': b"3"}


def test_what_was_fetched_is_read_before_there_is_a_branch_here_and_beside_it(clones):
    a, b = clones
    a.change({"a": b"1"}, (), "Keep")
    a.push()
    run(b.root, "fetch", "-q", "origin", "nights:refs/remotes/origin/nights")
    assert contents(b) == {"a": b"1"}
    b.change({"b": b"2"}, (), "Keep")  # begins from what was fetched
    a.change({"c": b"3"}, (), "Keep")
    a.push()
    run(b.root, "fetch", "-q", "origin", "+nights:refs/remotes/origin/nights")
    assert contents(b) == {"a": b"1", "b": b"2", "c": b"3"}


def test_a_remote_that_refuses_is_told_with_its_words(clones, tmp_path):
    a, _ = clones
    with pytest.raises(UsageError, match="nothing is kept in this branch yet, here or at origin"):
        a.push()
    a.change({"a": b"1"}, (), "Keep")
    hook = tmp_path / "remote" / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no nights here >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(GitError, match=r"(?s)git:nights: cannot be pushed to origin:.*no nights here"):
        a.push()
    with pytest.raises(GitError, match=r"(?s)looking at the remote failed.*nowhere"):
        Branch(a.root, "nights", remote="nowhere").push()


def test_who_pushed_in_between_is_merged_as_well(clones, monkeypatch):
    a, b = clones
    b.change({"b": b"2"}, (), "Keep")
    a.change({"a": b"1"}, (), "Keep")
    looked = Branch._at_remote
    came = []

    def late(self):
        found = looked(self)
        if self.root == a.root and not came:
            came.append(b.push())
        return found

    monkeypatch.setattr(Branch, "_at_remote", late)
    assert a.push() == "pushed to origin"
    assert contents(a) == {"a": b"1", "b": b"2"}
