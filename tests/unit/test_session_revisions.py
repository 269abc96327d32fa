"""Commits as a bisection has them: real repositories, checked out, with the tests' files put into them."""

import subprocess
from dataclasses import replace

import pytest

from pytest_modelbench.core.errors import ModelbenchError
from pytest_modelbench.session.checkouts import Checkouts
from pytest_modelbench.session.revisions import BenchFiles, Commits
from pytest_modelbench.vcs.range import commits_between, split_range
from pytest_modelbench.vcs.revision import resolve


@pytest.fixture
def git(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "project").mkdir()

    def run(*arguments):
        who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
        done = subprocess.run(["git", *who, *arguments], cwd=tmp_path / "project", capture_output=True, check=True)
        return done.stdout.decode().strip()

    run("init", "--quiet", "--initial-branch=main")
    return run


@pytest.fixture
def project(git, tmp_path):
    """Writes files, or links where their content is a path, and commits all."""

    def write(message="one", **files):
        for name, content in files.items():
            path = tmp_path / "project" / f"{name}.py"
            path.unlink(missing_ok=True)
            if hasattr(content, "parts"):
                path.symlink_to(content)
            elif content is not None:
                path.write_text(content)
        git("add", "--all")
        git("commit", "--quiet", "--allow-empty", "--message", message)
        return tmp_path / "project"

    return write


def commits(root, *, always=False):
    return Commits(Checkouts(root), "HEAD~1..HEAD", BenchFiles((root / "test_it.py",), always))


def test_a_commit_without_the_file_gets_the_one_from_here_and_one_with_it_keeps_its_own(project, tmp_path):
    project(other="")
    root = project(test_it="now")
    with commits(root).tree(0) as tree:
        assert (tree.root / "test_it.py").read_text() == "now"
    project(test_it="later")
    with commits(root).tree(0) as tree:
        assert (tree.root / "test_it.py").read_text() == "now"
    with commits(root, always=True).tree(0) as tree:
        assert (tree.root / "test_it.py").read_text() == "later"


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_replaced_and_what_it_leads_to_stays_as_it_is(project, tmp_path, there):
    outside = tmp_path / "outside.py"
    if there:
        outside.write_text("somebody's own")
    project(test_it=outside)
    root = project(test_it="now")
    with commits(root, always=True).tree(0) as tree:
        assert (tree.root / "test_it.py").read_text() == "now"
    assert (outside.read_text() if outside.exists() else None) == ("somebody's own" if there else None)


def test_a_folder_that_is_a_link_out_of_the_commit_is_refused(project, tmp_path):
    (tmp_path / "outside").mkdir()
    root = project()
    (root / "bench").symlink_to(tmp_path / "outside")
    project()
    (root / "bench").unlink()
    (root / "bench").mkdir()
    (root / "bench" / "test_it.py").write_text("now")
    project()
    files = BenchFiles((root / "bench" / "test_it.py",), always=True)
    with (
        pytest.raises(ModelbenchError, match="is a link there"),
        Commits(Checkouts(root), "HEAD~1..HEAD", files).tree(0),
    ):
        pass
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_file_where_a_folder_should_be_is_an_error_and_no_traceback(project, tmp_path):
    root = project()
    (root / "bench").write_text("")
    project()
    (root / "bench").unlink()
    (root / "bench").mkdir()
    (root / "bench" / "test_it.py").write_text("now")
    project()
    files = BenchFiles((root / "bench" / "test_it.py",))
    with (
        pytest.raises(ModelbenchError, match=r"test_it\.py cannot be put there"),
        Commits(Checkouts(root), "HEAD~1..HEAD", files).tree(0),
    ):
        pass


def test_what_a_merge_brought_is_a_range_that_can_be_searched(git, project):
    root = project()
    git("checkout", "--quiet", "-b", "side")
    project("on the side")
    git("checkout", "--quiet", "main")
    project("main goes on")
    git("merge", "--quiet", "--no-ff", "--message", "together", "side")
    one = commits(root)
    assert (one.steps[1].is_merge, one.brought(0)) == (True, "")
    _, others = commits_between(root, *split_range(one.brought(1)))
    assert [commit.subject for commit in others] == ["on the side"]


def test_a_commit_is_built_at_its_top_with_the_python_that_measures(project, tmp_path, monkeypatch):
    root, told = project(one=""), []
    monkeypatch.setenv("GIT_INDEX_FILE", "somebody's")  # as in a hook of git
    other = tmp_path / "other" / "bin"
    other.mkdir(parents=True)
    (other / "python9").write_text("#!/bin/sh\necho the other $1\n")
    (other / "python9").chmod(0o755)
    head = resolve(root, "HEAD")
    checkouts = Checkouts(root, "pwd >place; python -c 'print(9)' >said; git status --porcelain >>said", told.append)
    with checkouts.of(head) as checkout:
        assert (checkout.top / "place").read_text().strip() == str(checkout.top.resolve())
        assert (checkout.top / "said").read_text() == "9\n?? place\n?? said\n"
    with checkouts.of(replace(head, name=head.commit), str(other / "python9")) as checkout:
        assert (checkout.top / "said").read_text().startswith("the other -c\n")
    assert told == [
        f"modelbench: building {name}: {checkouts.build}" for name in ("HEAD", f"commit {head.commit[:10]}")
    ]
    with pytest.raises(ModelbenchError, match=r"^HEAD cannot be built: .*: not here$"):
        Checkouts(root, "echo not here >&2; exit 3").of(head).__enter__()
    assert list((tmp_path / "cache/pytest-modelbench/worktrees").iterdir()) == []
