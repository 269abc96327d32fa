"""A branch of its own: files are added and merged, and nothing else of a repository changes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.vcs.branch import Branch
from pytest_modelbench.vcs.git import GitError

pytestmark = pytest.mark.usefixtures("plain_git")
ANY, NIGHTS = ("",), (".night.json",)  #: how files are called


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
    branch = Branch(project, "nights", ANY)
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
    branch = Branch(project, "nights", ANY)
    branch.change({"a": b"1"}, (), "Keep")
    tip = run(project, "rev-parse", "nights")
    branch.change({"a": b"2"}, ["b"], "Keep")
    assert contents(branch) == {"a": b"1"}
    assert run(project, "rev-parse", "nights") == tip


def test_who_commits_is_whom_git_is_told(project):
    run(project, "config", "user.name", "Somebody")
    run(project, "config", "user.email", "some@body")
    Branch(project, "nights", ANY).change({"a": b"1"}, (), "Keep")
    assert run(project, "log", "--format=%an <%ae>", "nights") == "Somebody <some@body>\n"


def test_it_works_in_a_bare_repository_in_a_worktree_and_below_the_top(project, tmp_path):
    run(project, "worktree", "add", "-q", str(tmp_path / "tree"), "-b", "other")
    (project / "deep").mkdir()
    for number, place in enumerate((project, tmp_path / "tree", project / "deep")):
        Branch(place, "nights", ANY).change({str(number): b"x"}, (), "Keep")
    assert sorted(Branch(project, "nights", ANY).files()) == ["0", "1", "2"]
    bare = Branch(new(tmp_path / "bare", "--bare"), "nights", ANY)
    bare.change({"a": b"1"}, (), "Keep")
    assert contents(bare) == {"a": b"1"}


def test_one_that_is_checked_out_anywhere_is_left_alone(project, tmp_path):
    with pytest.raises(UsageError, match=r"^git:main: this branch is checked out in .*project, where files would seem"):
        Branch(project, "main", ANY).change({"a": b"1"}, (), "Keep")
    run(project, "worktree", "add", "-q", str(tmp_path / "tree"), "-b", "other")
    with pytest.raises(UsageError, match=r"checked out in .*tree"):
        Branch(project, "other", ANY).change({"a": b"1"}, (), "Keep")


def test_outside_of_a_repository_it_is_said_so(tmp_path):
    branch = Branch(tmp_path, "nights", ANY)
    for ask in (branch.files, branch.exists, branch.push):
        with pytest.raises(UsageError, match="not a git repository"):
            ask()


def test_a_repository_that_cannot_be_written_is_an_error_with_what_git_said(project, monkeypatch):
    Branch(project, "nights", ANY).change({"a": b"1"}, (), "Keep")
    heads = project / ".git" / "refs" / "heads"
    (heads / "nights.lock").write_text("")  # whoever held it is gone
    monkeypatch.setattr("pytest_modelbench.vcs.branch._CHANGE_S", 0.2)
    with pytest.raises(GitError, match=r"git:nights: cannot be written in .*(?s:.*)nights.lock"):
        Branch(project, "nights", ANY).change({"b": b"1"}, (), "Keep")
    assert contents(Branch(project, "nights", ANY)) == {"a": b"1"}


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from pytest_modelbench.vcs.branch import Branch

for number in range(6):
    Branch(Path(sys.argv[1]), "nights", ("",)).change({f"{sys.argv[2]}-{number}": f"{number}".encode()}, (), "Keep")
"""


@pytest.mark.slow
def test_many_write_at_once_and_nothing_is_lost(project):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(project), str(one)]) for one in range(4)]
    assert [one.wait(120) for one in writers] == [0] * 4
    wanted = {f"{one}-{number}": f"{number}".encode() for one in range(4) for number in range(6)}
    assert contents(Branch(project, "nights", ANY)) == wanted
    assert run(project, "rev-list", "--count", "nights") == "24\n"
    run(project, "fsck", "--strict")


@pytest.fixture
def clones(project, tmp_path):
    remote = new(tmp_path / "remote", "--bare")
    run(project, "push", "-q", str(remote), "main")
    found = []
    for name in "ab":
        run(tmp_path, "clone", "-q", "--depth=1", f"file://{remote}", name)
        found.append(Branch(tmp_path / name, "nights", ANY))
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
        Branch(a.root, "nights", ANY, remote="nowhere").push()


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


OF_SOMETHING_ELSE = (
    "git:develop: this branch holds other files than a history's, 'code.py' for one; name one of its own"
)


@pytest.mark.slow
def test_a_branch_of_code_that_went_two_ways_is_neither_merged_nor_added_to_nor_pushed(clones):
    a, b = (replace(one, name="develop", endings=NIGHTS) for one in clones)
    for one in (b, a):
        run(one.root, "checkout", "-qb", "develop")
        (one.root / "code.py").write_text(one.root.name)
        run(one.root, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qam", "code")
        run(one.root, "checkout", "-q", "main")
    with pytest.raises(UsageError, match=OF_SOMETHING_ELSE):  # also where the remote has none
        a.push()
    assert run(a.root, "ls-remote", "origin", "develop") == ""
    run(b.root, "push", "-q", "origin", "develop")
    for refused in (a.push, lambda: a.change({"a.night.json": b"1"}, (), "Keep")):
        with pytest.raises(UsageError, match=OF_SOMETHING_ELSE):
            refused()
    assert contents(a) == {"code.py": b"a"}
    assert contents(b) == {"code.py": b"b"}
    assert run(a.root, "ls-remote", "origin", "develop").split()[0] == run(b.root, "rev-parse", "develop").strip()


@pytest.mark.slow
@pytest.mark.parametrize("nights", [{}, {"a.night.json": b"1"}])
def test_code_at_the_remote_does_not_come_into_nights_or_a_new_branch(clones, nights):
    a = replace(clones[0], name="develop", endings=NIGHTS)
    a.change(nights, (), "Keep")
    run(a.root, "push", "-q", "origin", "main:develop")
    for _ in range(2):  # not fetched yet, and fetched
        with pytest.raises(UsageError, match=OF_SOMETHING_ELSE):
            a.push()
    with pytest.raises(UsageError, match=OF_SOMETHING_ELSE):
        a.change({"b.night.json": b"1"}, (), "Keep")
    held = run(a.root, "ls-tree", "--name-only", "develop").split() if nights else []
    assert held == list(nights)
    assert run(a.root, "branch", "--list", "develop").strip() == ("develop" if nights else "")


@pytest.mark.slow
def test_a_file_that_both_sides_tell_otherwise_of_is_an_error_and_a_readme_that_one_changed_is_taken(clones):
    a, b = clones
    a.change({"README.md": b"1", "2.night.json": b"2"}, (), "Keep")
    a.push()
    b.push()
    a.change({}, ["README.md"], "Write anew")
    a.change({"README.md": b"what this is"}, (), "Write anew")
    a.push()
    b.change({"3.night.json": b"3"}, (), "Keep")
    replace(b, endings=NIGHTS).push()
    wanted = {"README.md": b"what this is", "2.night.json": b"2", "3.night.json": b"3"}
    assert contents(b) == contents(replace(a, endings=NIGHTS)) | {"3.night.json": b"3"} == wanted
    b.push()
    a.push()
    a.change({"4.night.json": b"ours"}, (), "Keep")
    b.change({"4.night.json": b"theirs"}, (), "Keep")
    b.push()
    tip = run(a.root, "rev-parse", "nights")
    with pytest.raises(
        GitError, match=r"^git:nights: here and at origin there is something else in 4\.night\.json; look"
    ):
        a.push()
    assert run(a.root, "rev-parse", "nights") == tip


def test_a_branch_that_is_checked_out_and_has_no_commit_yet_is_left_alone(tmp_path):
    path = new(tmp_path / "project")
    with pytest.raises(UsageError, match=r"^git:main: this branch is checked out in .*project, where files would seem"):
        Branch(path, "main", ANY).change({"a": b"1"}, (), "Keep")
    assert run(path, "for-each-ref") == ""


def test_a_lock_that_nobody_lets_go_ends_a_push_with_what_git_said(clones, monkeypatch):
    a, b = clones
    b.change({"b": b"2"}, (), "Keep")
    b.push()
    (a.root / ".git" / "refs" / "heads" / "nights.lock").write_text("")  # whoever held it is gone
    monkeypatch.setattr("pytest_modelbench.vcs.branch._CHANGE_S", 0.2)
    with pytest.raises(GitError, match=r"git:nights: cannot be written in .*(?s:.*)nights.lock"):
        a.push()
