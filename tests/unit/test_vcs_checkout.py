"""Another revision on the disk: the right one, in full, and afterwards as if nothing had been."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_modelbench.core.errors import ModelbenchError, UsageError
from pytest_modelbench.vcs import git as git_module
from pytest_modelbench.vcs import slot as slot_module
from pytest_modelbench.vcs.checkout import Checkout
from pytest_modelbench.vcs.git import stamp
from pytest_modelbench.vcs.revision import Revision, resolve, same_code


@pytest.fixture(autouse=True)
def author(plain_git, monkeypatch):
    """Git without anybody's configuration, and with a name for its commits."""
    for name, value in {
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.org",
        "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
    }.items():
        monkeypatch.setenv(name, value)


def git(where, *arguments):
    done = subprocess.run(["git", "-C", str(where), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout.strip()


def commit(where, message="change", **files):
    """The id of a new commit that holds ``files``, whose names have __ for / and _py for .py."""
    for name, text in files.items():
        path = where / name.replace("__", "/").replace("_py", ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(where, "add", "--all")
    git(where, "commit", "--quiet", "--message", message)
    return git(where, "rev-parse", "HEAD")


def make(where):
    where.mkdir()
    git(where, "init", "--quiet", "--initial-branch=main")
    return where


def snapshot(folder):
    """Every file below ``folder`` with its bytes, and every folder."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture
def project(tmp_path):
    """A repository with two commits: net.py says 1, then 2."""
    where = make(tmp_path / "project")
    commit(where, "one", net_py="1", pkg__layer_py="1")
    commit(where, "two", net_py="2")
    return where


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def add_submodule(project, origin, path, *options):
    git(project, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", *options, str(origin), path)


# --- which revision is meant


@pytest.mark.parametrize("name", ["HEAD~1", "main~1", "HEAD^", ":/one", "first", "annotated", "origin-like/first"])
def test_a_revision_is_known_by_every_name_that_git_knows(project, name):
    first = git(project, "rev-parse", "HEAD~1")
    git(project, "branch", "origin-like/first", first)
    git(project, "tag", "first", first)
    git(project, "tag", "--annotate", "--message", "x", "annotated", first)
    assert resolve(project, name) == Revision(first, name)
    assert resolve(project / "pkg", first[:8]) == Revision(first, first[:8])


def test_an_unknown_revision_is_refused_with_the_near_names(project):
    git(project, "branch", "feature")
    with pytest.raises(UsageError) as caught:
        resolve(project, "featrue")
    assert str(caught.value) == (
        f"there is no revision 'featrue' in {project}. Did you mean 'feature'? "
        "What only the server has comes with: git fetch --all --tags"
    )


def test_a_branch_that_only_the_remote_has_is_found_for_the_user(project, tmp_path):
    git(tmp_path, "clone", "--quiet", str(project), "clone")
    git(tmp_path / "clone", "checkout", "--quiet", "--detach")
    git(tmp_path / "clone", "branch", "--delete", "--quiet", "main")
    with pytest.raises(UsageError, match=r"no revision 'main'.*Did you mean 'origin/main'\?"):
        resolve(tmp_path / "clone", "main")


@pytest.mark.parametrize(
    "ref", ["", "--help", "--all", "--branches", "-1", "^main", "main..HEAD", "a\0b", "no\nsuch", "HEAD^{nonsense}"]
)
def test_what_is_no_single_revision_is_refused(project, ref):
    with pytest.raises(UsageError, match="there is no revision"):
        resolve(project, ref)


@pytest.mark.parametrize(("ref", "kind"), [("HEAD:net.py", "blob"), ("HEAD^{tree}", "tree")])
def test_what_is_no_commit_is_refused(project, ref, kind):
    with pytest.raises(UsageError, match=f"names a {kind}; name a commit"):
        resolve(project, ref)


def test_a_commit_that_is_not_in_the_clone_is_refused(project):
    with pytest.raises(UsageError, match=f"commit {'ab' * 20} is not in the clone .* git fetch --all --tags"):
        resolve(project, "ab" * 20)


def test_a_branch_and_a_tag_of_one_name_are_ambiguous_unless_they_agree(project):
    git(project, "tag", "v1", "HEAD~1")
    git(project, "branch", "v1", "HEAD~1")
    assert resolve(project, "v1").commit == git(project, "rev-parse", "HEAD~1")
    git(project, "branch", "--force", "v1", "HEAD")
    for ref in ("v1", "v1~0", "v1@{0}"):
        with pytest.raises(UsageError, match="is ambiguous; write the one you mean: refs/tags/v1 or refs/heads/v1"):
            resolve(project, ref)
    assert resolve(project, "refs/heads/v1").commit == git(project, "rev-parse", "HEAD")


@pytest.mark.slow
def test_a_commit_id_that_is_too_short_is_ambiguous(project):
    seen, tree = {}, git(project, "rev-parse", "HEAD^{tree}")
    for number in range(2000):  # four digits: after some 300 commits, two that begin alike are likely
        made = git(project, "commit-tree", tree, "-m", str(number))
        if made[:4] in seen:
            break
        seen[made[:4]] = made
    with pytest.raises(UsageError, match=f"{made[:4]!r} is ambiguous: it begins ") as caught:
        resolve(project, made[:4])
    assert made in str(caught.value)
    assert seen[made[:4]] in str(caught.value)


def test_without_a_repository_it_says_so(tmp_path):
    with pytest.raises(UsageError, match=f"{tmp_path} is not in a git repository"):
        resolve(tmp_path, "HEAD")
    assert stamp(tmp_path).commit is None


def test_without_git_it_says_so(project, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"git cannot be started .*install git, or put it on PATH"):
        resolve(project, "HEAD")
    assert stamp(project).commit is None


def test_a_repository_of_somebody_else_is_refused_in_gits_own_words(project, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(UsageError) as caught:
        resolve(project, "HEAD")
    assert f"looking for the git repository of {project} failed: `git rev-parse --show-toplevel`" in str(caught.value)
    assert f"git config --global --add safe.directory {project}" in str(caught.value)


@pytest.mark.parametrize("ref", ["HEAD~1", "full id"])
def test_a_shallow_clone_is_named_as_the_reason(project, tmp_path, ref):
    ref = git(project, "rev-parse", "HEAD~1") if ref == "full id" else ref
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{project}", "shallow")
    with pytest.raises(UsageError, match=r"is shallow.*git fetch --unshallow, or git fetch origin .*fetch-depth: 0"):
        resolve(tmp_path / "shallow", ref)


def test_a_git_that_hangs_is_ended(project, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "git"
    fake.write_text("#!/bin/sh\n/bin/sleep 60\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(UsageError, match=r"`git rev-parse HEAD` in .* took longer than 0 s and was ended"):
        git_module.ask(project, "rev-parse", "HEAD", timeout_s=0.1)


# --- whether the working tree holds the same code


def test_the_working_tree_is_the_commit_that_it_was_checked_out_from(project):
    head, first = git(project, "rev-parse", "HEAD"), git(project, "rev-parse", "HEAD~1")
    assert same_code(project, head)
    assert not same_code(project, first)
    assert same_code(project / "pkg", head)
    assert not same_code(project / "pkg", first)  # code beside the folder under test counts


def test_the_same_code_under_another_commit_is_the_same_code(project):
    head = git(project, "rev-parse", "HEAD")
    git(project, "commit", "--quiet", "--allow-empty", "--message", "nothing")
    assert same_code(project, head)


@pytest.mark.parametrize("way", ["edited", "staged", "removed", "unindexed", "hidden", "made executable"])
def test_a_changed_file_is_other_code(project, way):
    head, file = git(project, "rev-parse", "HEAD"), project / "net.py"
    if way in ("edited", "staged", "hidden"):
        if way == "hidden":
            git(project, "update-index", "--assume-unchanged", "net.py")
        file.write_text("3")
    if way == "removed":
        file.unlink()
    if way == "staged":
        git(project, "add", "net.py")
    if way == "unindexed":
        git(project, "rm", "--cached", "--quiet", "net.py")
    if way == "made executable":
        file.chmod(0o755)
    assert not same_code(project, head)


def test_a_file_that_was_only_touched_is_the_same_code_and_the_index_stays(project):
    os.utime(project / "net.py", (1, 1))
    before = snapshot(project / ".git")
    assert same_code(project, "HEAD")
    assert snapshot(project / ".git") == before


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("new.py", False),
        ("deep/er/ext.so", False),
        ("é\n.toml", False),
        ("setup.cfg", False),
        ("pytest.ini", False),
        ("results.json", True),
        ("notes.txt", True),
        ("ignored.py", True),
    ],
)
def test_an_untracked_file_counts_if_it_may_be_code(project, name, same):
    (project / ".git" / "info" / "exclude").write_text("ignored.py\n")
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text("")
    assert same_code(project, "HEAD") is same


def test_an_untracked_repository_within_counts(project):
    commit(make(project / "inner"), net_py="1")
    assert not same_code(project, "HEAD")


BASELINES = '{"format": "pytest-modelbench baselines", "schema": 3}\n'
ATTRIBUTES = "*.json merge=union\n# One record a line; pytest-modelbench tells what does not fit.\n"


def test_baselines_are_no_code_and_what_lies_beside_them_is(project):
    before = git(project, "rev-parse", "HEAD")
    folder = project / "pkg/b é"
    (folder / "cpu").mkdir(parents=True)
    (folder / "cpu/test_it.json").write_text(BASELINES)
    (folder / ".gitattributes").write_text(ATTRIBUTES)
    commit(project)
    accepted = git(project, "rev-parse", "HEAD")
    assert same_code(project, before)
    assert same_code(project / "pkg", before)
    (folder / "cpu/test_it.json").write_text(BASELINES.replace("3", "4"))
    commit(project)
    assert same_code(project, accepted)
    (folder / "cpu/test_it.json").unlink()
    commit(project)
    assert same_code(project, accepted)
    assert same_code(project, before)
    (folder / "models.py").write_text("1")
    assert not same_code(project, accepted)
    commit(project)
    assert not same_code(project, accepted)


@pytest.mark.parametrize("name", ["cpu/settings.json", ".gitattributes", "cpu/test_it.py"])
def test_what_is_called_as_baselines_are_and_holds_something_else_counts(project, name):
    folder = project / "baselines"
    (folder / "cpu").mkdir(parents=True)
    (folder / name).write_text(BASELINES if name.endswith(".json") else ATTRIBUTES)
    commit(project)
    before = git(project, "rev-parse", "HEAD")
    (folder / name).write_text('{"depth": 24}')
    commit(project)
    assert not same_code(project, before)


def test_a_changed_submodule_is_other_code(project, tmp_path):
    lib = make(tmp_path / "lib")
    commit(lib, lib_py="1")
    add_submodule(project, lib, "third")
    commit(project)
    assert same_code(project, "HEAD")
    (project / "third/notes.txt").write_text("")
    assert same_code(project, "HEAD")
    (project / "third/new.py").write_text("")
    assert not same_code(project, "HEAD")
    (project / "third/new.py").unlink()
    (project / "third/lib.py").write_text("2")
    assert not same_code(project, "HEAD")
    git(project / "third", "commit", "--quiet", "--all", "--message", "x")
    assert not same_code(project, "HEAD")


def test_a_commit_that_git_cannot_compare_is_an_error(project):
    with pytest.raises(UsageError, match=f"comparing {project} with commit no-such failed:\nfatal: "):
        same_code(project, "no-such")


# --- on the disk, and away again


def test_a_checkout_holds_the_files_of_its_revision(project, cache):
    first = git(project, "rev-parse", "HEAD~1")
    with Checkout(project, resolve(project, "HEAD~1"), cache) as checkout:
        checkout.check()
        assert checkout.root.name == "project"
        assert re.fullmatch(rf"{first[:10]}-{os.getpid()}-[0-9a-f]{{8}}", checkout.root.parent.name)
        assert checkout.root.parent.parent == cache
        assert (checkout.root / "net.py").read_text() == "1"
        assert git(checkout.root, "rev-parse", "HEAD") == first
        assert git(checkout.root, "status", "--porcelain") == ""
    assert list(cache.iterdir()) == []


def test_the_cache_is_where_the_user_has_caches(project, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for given, below in ((str(tmp_path / "xdg"), "xdg"), ("relative", "home/.cache"), ("", "home/.cache")):
        monkeypatch.setenv("XDG_CACHE_HOME", given)
        with Checkout(project, resolve(project, "HEAD")) as checkout:
            assert checkout.root.parent.parent == tmp_path / below / "pytest-modelbench/worktrees"


@pytest.mark.parametrize("failing", [False, True])
def test_the_users_repository_is_untouched(project, cache, failing):
    (project / "net.py").write_text("3")
    git(project, "stash", "--quiet")
    (project / "net.py").write_text("4")
    (project / "pkg/layer.py").write_text("5")
    git(project, "add", "pkg")
    (project / "new.py").write_text("6")
    os.utime(project / ".git/index", (1, 1))  # older than the files: git would refresh it at every look
    before = snapshot(project)
    try:
        with Checkout(project, resolve(project, "HEAD~1"), cache) as checkout:
            (checkout.root / "net.py").write_text("mess")
            (checkout.root / "__pycache__").mkdir()
            during = snapshot(project)
            if failing:
                raise KeyError
    except KeyError:
        assert failing
    assert snapshot(project) == before
    assert (project / ".git/index").stat().st_mtime == 1
    assert {name for name in during if not name.startswith(".git/worktrees")} == set(before)
    assert {name: data for name, data in during.items() if name in before} == before
    assert list(cache.iterdir()) == []


def test_no_hook_runs(project, cache):
    ran = project.parent / "ran"
    for name in ("post-checkout", "post-index-change", "reference-transaction"):
        hook = project / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\necho {name} >> {ran}\n")
        hook.chmod(0o755)
    git(project, "checkout", "--quiet", "--detach")
    assert "post-checkout" in ran.read_text()
    ran.unlink()
    with Checkout(project, resolve(project, "HEAD~1"), cache):
        same_code(project, "HEAD")
    assert not ran.exists()


def test_what_a_surrounding_hook_says_of_its_own_repository_is_not_heard(project, cache, tmp_path, monkeypatch):
    other = make(tmp_path / "other")
    commit(other, other_py="")
    first = git(project, "rev-parse", "HEAD~1")
    before = snapshot(other)
    for name, value in {
        "GIT_DIR": f"{other}/.git",
        "GIT_WORK_TREE": str(other),
        "GIT_INDEX_FILE": f"{other}/.git/index",
        "GIT_PREFIX": "x/",
        "GIT_OBJECT_DIRECTORY": f"{other}/.git/objects",
        "GIT_LITERAL_PATHSPECS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    assert stamp(project).commit == resolve(project, "HEAD").commit
    assert same_code(project, "HEAD")
    with Checkout(project, resolve(project, first), cache) as checkout:
        assert (checkout.root / "net.py").read_text() == "1"
    assert snapshot(other) == before
    assert list(cache.iterdir()) == []


def test_paths_map_into_the_checkout(project, cache, tmp_path):
    (project / "data").symlink_to("/")
    (tmp_path / "link").symlink_to(project)
    with Checkout(project, resolve(project, "HEAD~1"), cache) as checkout:
        root = checkout.root
        assert checkout.path_of(project) == root
        assert checkout.path_of(project / "pkg/layer.py") == root / "pkg/layer.py"
        assert checkout.path_of(project / "pkg/../no-such.py") == root / "no-such.py"
        assert checkout.path_of(project / "data/x") == root / "data/x"
        assert checkout.path_of(tmp_path / "link/pkg") == root / "pkg"
        assert checkout.path_of(tmp_path) is None
        assert checkout.path_of(tmp_path / "project-2") is None
    with Checkout(tmp_path / "link", resolve(project, "HEAD~1"), cache) as checkout:
        assert checkout.path_of(tmp_path / "link/pkg") == checkout.root / "pkg"
        assert checkout.path_of(tmp_path / "link/data/x") == checkout.root / "data/x"
        assert checkout.path_of(project / "pkg") == checkout.root / "pkg"


def test_a_project_in_a_folder_of_its_repository(project, cache):
    (project / "data").symlink_to("/")
    with Checkout(project / "pkg", resolve(project, "HEAD~1"), cache) as checkout:
        assert checkout.root.name == "pkg"
        assert (checkout.root / "layer.py").read_text() == "1"
        assert checkout.path_of(project / "net.py") == checkout.root.parent / "net.py"
        assert checkout.path_of(project / "data/x") == checkout.root.parent / "data/x"
        assert checkout.path_of(project / "pkg/layer.py") == checkout.root / "layer.py"


def test_a_project_folder_that_the_revision_does_not_have(project, cache):
    commit(project, young__a_py="")
    before = snapshot(project)
    with pytest.raises(UsageError, match=r"HEAD~1 \([0-9a-f]{10}\) has no folder young; name a revision that has it"):
        Checkout(project / "young", resolve(project, "HEAD~1"), cache).__enter__()
    assert snapshot(project) == before
    assert list(cache.iterdir()) == []


def test_a_checkout_from_a_linked_worktree_and_from_a_submodule(project, cache, tmp_path):
    git(project, "worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    add_submodule(project, project, "third")
    for root in (tmp_path / "linked", project / "third"):
        with Checkout(root, resolve(root, "HEAD~1"), cache) as checkout:
            assert checkout.root.name == root.name
            assert (checkout.root / "net.py").read_text() == "1"
        assert git(root, "status", "--porcelain") == ""
    assert (tmp_path / "linked/net.py").read_text() == "2"
    assert git(project, "worktree", "list").count("\n") == 1
    assert list(cache.iterdir()) == []


def test_file_names_of_any_kind(tmp_path, cache):
    where = make(tmp_path / "pröject\nx ")
    (where / "sub dir\n").mkdir()
    (where / "sub dir\n/né\nt.py").write_text("1")
    commit(where)
    with Checkout(where / "sub dir\n", resolve(where, "HEAD"), cache) as checkout:
        assert (checkout.root / "né\nt.py").read_text() == "1"
        assert checkout.root.parent.name == where.name
    assert list(cache.iterdir()) == []
    assert not (where / ".git/worktrees").exists()


def test_a_sparse_checkout_stays_sparse(project, cache):
    git(project, "sparse-checkout", "set", "pkg")
    before = snapshot(project)
    with Checkout(project, resolve(project, "HEAD~1"), cache) as checkout:
        assert (checkout.root / "pkg/layer.py").exists()
    assert snapshot(project) == before
    assert same_code(project, "HEAD")


def test_no_configuration_of_the_user_makes_git_write_more(project, cache, tmp_path, monkeypatch):
    config = tmp_path / "config"
    config.write_text(
        "[worktree]\n\tuseRelativePaths = true\n[core]\n\tsplitIndex = true\n[submodule]\n\trecurse = true\n"
        "[diff]\n\trelative = true\n\tignoreSubmodules = all\n[status]\n\tshowUntrackedFiles = no\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    before = snapshot(project)
    with Checkout(project, resolve(project, "HEAD~1"), cache):
        assert not same_code(project / "pkg", "HEAD~1")
    assert snapshot(project) == before


# --- what goes wrong


def smudge(project, script):
    """All that git writes to a working tree goes through ``script``, as files of Git LFS go through its own."""
    commit(project, message="attributes", **{".gitattributes": "*.bin filter=large\n", "weights.bin": "pointer"})
    git(project, "config", "filter.large.smudge", script)
    git(project, "config", "filter.large.required", "true")


def test_a_filter_that_fails_is_heard_in_full_and_nothing_is_left(project, cache):
    smudge(project, "echo 'weights.bin: object missing on the server' >&2; exit 1")
    before = snapshot(project)
    with pytest.raises(UsageError) as caught:
        Checkout(project, resolve(project, "HEAD"), cache).__enter__()
    for part in (
        r"checking out HEAD \([0-9a-f]{10}\) failed: `git reset --hard --quiet --no-recurse-submodules` in .* ended",
        "object missing on the server",
        "weights.bin: smudge filter large failed",
        f"The checkout goes to {cache}; XDG_CACHE_HOME names another place",
    ):
        assert re.search(part, str(caught.value)), str(caught.value)
    assert snapshot(project) == before
    assert list(cache.iterdir()) == []


def test_a_checkout_that_is_interrupted_leaves_nothing(project, cache, monkeypatch):
    before = snapshot(project)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pytest_modelbench.vcs.checkout.fill", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Checkout(project, resolve(project, "HEAD~1"), cache).__enter__()
    assert snapshot(project) == before
    assert list(cache.iterdir()) == []


def test_a_repository_that_cannot_be_written_is_blamed_and_not_the_cache(project, cache, monkeypatch):
    # Root may write anywhere: the folder is a file, and the answer is given.
    (project / ".git/worktrees").write_text("")
    monkeypatch.setattr("pytest_modelbench.vcs.checkout.os.access", lambda path, mode: False)
    with pytest.raises(UsageError, match=r"\.git cannot be written, where git keeps a note .* git clone .* ELSEWHERE"):
        Checkout(project, resolve(project, "HEAD~1"), cache).__enter__()
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("below", ["", "deep/er"])
def test_a_cache_that_cannot_be_written_is_named_with_the_way_out(project, tmp_path, below):
    (tmp_path / "file").write_text("")
    cache = tmp_path / "file" / below
    with pytest.raises(UsageError) as caught:
        Checkout(project, resolve(project, "HEAD"), cache).__enter__()
    assert f"cannot be checked out in {cache}: " in str(caught.value)
    assert "XDG_CACHE_HOME names another place" in str(caught.value)
    assert not (project / ".git/worktrees").exists()


def test_a_full_disk_leaves_nothing(project, cache, monkeypatch):
    really_open = os.open

    def full(file, *arguments, **options):
        if isinstance(file, (str, Path)) and Path(file).name != "owner.json":
            return really_open(file, *arguments, **options)
        raise OSError(28, "No space left on device")

    for name in ("open", "pwrite"):
        with monkeypatch.context() as patch:
            revision = resolve(project, "HEAD")
            patch.setattr(f"pytest_modelbench.vcs.slot.os.{name}", full)
            with pytest.raises(UsageError, match=f"cannot be checked out in {cache}: No space left on device; XDG"):
                Checkout(project, revision, cache).__enter__()
        assert list(cache.iterdir()) == []
    assert not (project / ".git/worktrees").exists()


def test_a_checkout_that_vanishes_is_named_and_left_without_an_error(project, cache):
    with Checkout(project, resolve(project, "HEAD"), cache) as checkout:
        shutil.rmtree(checkout.root)
        with pytest.raises(ModelbenchError, match=f"{checkout.root}, the checkout of HEAD .*, was removed by somebody"):
            checkout.check()
    assert not (project / ".git/worktrees").exists()
    assert list(cache.iterdir()) == []
    with Checkout(project, resolve(project, "HEAD"), cache):
        shutil.rmtree(cache)
    assert not (project / ".git/worktrees").exists()


def test_a_repository_that_vanishes_is_left_without_an_error(project, cache):
    with Checkout(project, resolve(project, "HEAD"), cache):
        shutil.rmtree(project)
    assert list(cache.iterdir()) == []


def test_folders_that_nobody_may_write_are_removed_all_the_same(project, cache):
    with Checkout(project, resolve(project, "HEAD"), cache) as checkout:
        (checkout.root / "pkg").chmod(0o500)
        (checkout.root / "link").symlink_to(project / "pkg")
    assert list(cache.iterdir()) == []
    assert (project / "pkg/layer.py").exists()


# --- what killed processes leave behind


OWNER = """
import sys, time
from pathlib import Path
from pytest_modelbench.vcs.checkout import Checkout
from pytest_modelbench.vcs.revision import resolve
root, cache = map(Path, sys.argv[1:])
with Checkout(root, resolve(root, "HEAD~1"), cache) as checkout:
    print(checkout.root, flush=True)
    time.sleep(60)
"""


def owner(project, cache):
    """A process that is within a checkout, and the folder of it."""
    process = subprocess.Popen([sys.executable, "-c", OWNER, project, cache], stdout=subprocess.PIPE, text=True)
    folder = Path(process.stdout.readline().strip())
    # Tests remove this folder: of a process that failed and said nothing, it would be the one that they run in.
    assert folder.is_relative_to(cache), "the process did not get into its checkout"
    return process, folder


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def registered(project):
    lines = git(project, "worktree", "list", "--porcelain").splitlines()
    return [line.removeprefix("worktree ") for line in lines if line.startswith("worktree ")]


@pytest.mark.slow
def test_what_a_killed_process_left_is_removed_and_nothing_else(project, cache, tmp_path):
    for name in ("mine", "mine-unplugged"):
        git(project, "worktree", "add", "--quiet", "--detach", str(tmp_path / name))
    shutil.rmtree(tmp_path / "mine-unplugged")
    (cache / "mine").mkdir(parents=True)
    alive, its_folder = owner(project, cache)
    dead, left = owner(project, cache)
    vanished, gone = owner(project, cache)
    try:
        kill(dead)
        kill(vanished)
        shutil.rmtree(gone)
        assert left.is_dir()
        users = [str(project), str(tmp_path / "mine"), str(tmp_path / "mine-unplugged")]
        assert sorted(registered(project)) == sorted([*users, str(its_folder), str(left), str(gone)])
        with Checkout(project, resolve(project, "HEAD"), cache) as checkout:
            assert sorted(registered(project)) == sorted([*users, str(its_folder), str(checkout.root)])
            assert {path.name for path in cache.iterdir()} == {
                "mine",
                its_folder.parent.name,
                checkout.root.parent.name,
            }
        assert (its_folder / "net.py").read_text() == "1"
    finally:
        kill(alive)


def test_what_was_left_for_another_repository_is_removed_there(project, cache, tmp_path):
    other = make(tmp_path / "other")
    commit(other, a_py="")
    dead, left = owner(project, cache)
    kill(dead)
    with Checkout(other, resolve(other, "HEAD"), cache):
        assert not left.exists()
    assert registered(project) == [str(project)]
    assert not (project / ".git/worktrees").exists()


@pytest.mark.parametrize("name", ["tree", "..", "mine", "../mine"])
def test_a_planted_note_removes_nothing_of_the_users(project, cache, tmp_path, name):
    mine = tmp_path / "mine"
    git(project, "worktree", "add", "--quiet", "--detach", str(mine))
    (mine / "unsaved.py").write_text("1")
    planted = cache / "0123456789-1-01234567"
    planted.mkdir(parents=True)
    tree = str(mine) if name == "tree" else name
    (planted / "owner.json").write_text(json.dumps({"common_dir": str(project / ".git"), "tree": tree}))
    (planted / "leads").symlink_to(mine, target_is_directory=True)
    with Checkout(project, resolve(project, "HEAD"), cache):
        pass
    assert (mine / "unsaved.py").read_text() == "1"
    assert str(mine) in registered(project)
    assert not planted.exists()


def test_a_link_in_the_cache_is_not_followed(project, cache, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "owner.json").write_text("{}")
    cache.mkdir(parents=True)
    (cache / "0123456789-1-01234567").symlink_to(mine, target_is_directory=True)
    note = cache / "0123456789-1-76543210"
    note.mkdir()
    (note / "owner.json").symlink_to(mine / "owner.json")
    with Checkout(project, resolve(project, "HEAD"), cache):
        pass
    assert (mine / "owner.json").read_text() == "{}"
    assert (note / "owner.json").is_symlink()


def test_the_cache_is_for_its_user_alone(project, cache, monkeypatch):
    cache.mkdir(parents=True, mode=0o755)
    with Checkout(project, resolve(project, "HEAD"), cache):
        assert cache.stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr("pytest_modelbench.vcs.slot.os.geteuid", lambda: 12345)
    with pytest.raises(
        UsageError, match=r"cannot be checked out in .*: the folder belongs to another user \(id \d+\); XDG"
    ):
        Checkout(project, resolve(project, "HEAD"), cache).__enter__()


def test_a_process_id_that_is_in_use_again_does_not_keep_what_was_left(project, cache):
    dead, left = owner(project, cache)
    kill(dead)
    ours = left.parent.with_name(re.sub(r"-\d+-", f"-{os.getpid()}-", left.parent.name))
    left.parent.rename(ours)
    with Checkout(project, resolve(project, "HEAD"), cache):
        assert not ours.exists()


def test_what_cannot_be_unregistered_now_is_tried_again(project, cache, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("pytest_modelbench.vcs.checkout._unregistered", lambda *_: False)
        with Checkout(project, resolve(project, "HEAD"), cache) as checkout:
            pass
    assert not checkout.root.exists()
    assert str(checkout.root) in registered(project)
    with Checkout(project, resolve(project, "HEAD"), cache):
        pass
    assert registered(project) == [str(project)]
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(("age_s", "stays"), [(0.0, True), (slot_module.ABANDONED_S + 60, False)])
@pytest.mark.parametrize("case", ["no locks", "no note", "no lock yet"])
def test_where_locks_cannot_tell_age_does(project, cache, monkeypatch, age_s, stays, case):
    folder = cache / "0123456789-1-01234567"
    folder.mkdir(parents=True)
    if case != "no note":
        (folder / "owner.json").write_text(json.dumps({}) if case == "no locks" else "")
    for path in (*folder.iterdir(), folder):
        now = path.stat().st_mtime
        os.utime(path, (now - age_s, now - age_s))

    def unsupported(*_):
        raise OSError(95, "Operation not supported")

    if case == "no locks":
        monkeypatch.setattr("pytest_modelbench.vcs.slot.fcntl.flock", unsupported)
    with Checkout(project, resolve(project, "HEAD"), cache):
        assert folder.exists() is (stays and case != "no lock yet")


def test_a_folder_that_is_taken_for_abandoned_before_it_is_locked_is_made_again(cache, monkeypatch):
    cache.mkdir()
    taken = []

    def late(descriptor):
        # Somebody looks for abandoned folders at the worst moment: twice, and is done with it the second time.
        if len(taken) < 2:
            monkeypatch.setattr(slot_module, "_lock", lock)
            (slot,) = slot_module.abandoned(cache)
            taken.append(slot)
            if len(taken) == 2:
                slot.free()
            result = lock(descriptor)
            monkeypatch.setattr(slot_module, "_lock", late)
            return result
        return lock(descriptor)

    lock = slot_module._lock
    monkeypatch.setattr(slot_module, "_lock", late)
    mine = slot_module.claim(cache, "0123456789")
    assert mine.folder not in [slot.folder for slot in taken]
    assert sorted(cache.iterdir()) == sorted([mine.folder, taken[0].folder])
    taken[0].free()
    mine.free()
    assert list(cache.iterdir()) == []


# --- submodules


@pytest.fixture
def nested(project, tmp_path):
    """``project`` with the submodule third/lib, which has the submodule deep; both said 1 when project did."""
    deep, lib = make(tmp_path / "deep"), make(tmp_path / "lib")
    commit(deep, deep_py="1")
    commit(lib, **{"lib_py": "1", ".gitattributes": "secret.py export-ignore\n", "secret_py": "1"})
    add_submodule(lib, deep, "deep")
    commit(lib)
    add_submodule(project, lib, "third/lib")
    git(project, "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "--recursive")
    commit(project, "with submodules")
    git(project, "tag", "old")
    inner = project / "third/lib"
    commit(inner / "deep", deep_py="2")
    commit(inner, lib_py="2")
    commit(project, "moved on")
    return project


@pytest.mark.parametrize("configured", ["", "[core]\nsplitIndex = true\n", "[submodule]\nrecurse = true\n"])
def test_submodules_are_filled_from_the_users_own_clones(nested, cache, tmp_path, monkeypatch, configured):
    (tmp_path / "config").write_text(configured)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    before = snapshot(nested)
    for ref, says in (("old", "1"), ("main", "2")):
        with Checkout(nested, resolve(nested, ref), cache) as checkout:
            inner = checkout.root / "third/lib"
            assert [(inner / name).read_text() for name in ("lib.py", "deep/deep.py")] == [says, says]
            assert (inner / "secret.py").read_text() == "1"
            assert checkout.path_of(nested / "third/lib/deep") == inner / "deep"
            assert [path.name for path in checkout.root.parent.iterdir() if path != checkout.root] == ["owner.json"]
    assert snapshot(nested) == before
    assert list(cache.iterdir()) == []


def test_a_submodule_that_the_user_leaves_empty_stays_empty(nested, cache, tmp_path):
    git(nested / "third/lib", "submodule", "--quiet", "deinit", "--force", "deep")
    shutil.rmtree(nested / ".git/modules/third/lib/modules")
    with Checkout(nested, resolve(nested, "old"), cache) as checkout:
        assert (checkout.root / "third/lib/lib.py").read_text() == "1"
        assert list((checkout.root / "third/lib/deep").iterdir()) == []
    git(tmp_path, "clone", "--quiet", str(nested), "bare-handed")
    fresh = tmp_path / "bare-handed"
    with Checkout(fresh, resolve(fresh, "old"), cache) as checkout:
        assert list((checkout.root / "third/lib").iterdir()) == []


def test_a_submodule_that_has_moved_since_is_filled(nested, cache):
    git(nested, "mv", "third/lib", "vendored")
    commit(nested, "moved")
    before = snapshot(nested)
    with Checkout(nested, resolve(nested, "old"), cache) as checkout:
        assert (checkout.root / "third/lib/lib.py").read_text() == "1"
    assert snapshot(nested) == before


def test_a_submodule_without_the_commit_is_named_with_the_way_out(nested, cache):
    recorded = git(nested, "rev-parse", "old:third/lib")
    inner = nested / "third/lib"
    before = snapshot(nested)
    lost = nested / ".git/modules/third/lib/objects" / recorded[:2] / recorded[2:]
    kept = {path: path.read_bytes() for path in (lost,) if path.exists()}
    if not kept:  # cloned as a pack: unpack it, so that one object can be lost
        (pack,) = (nested / ".git/modules/third/lib/objects/pack").glob("*.pack")
        moved = pack.rename(nested.parent / "pack")
        subprocess.run(["git", "-C", inner, "unpack-objects", "-q"], stdin=moved.open("rb"), check=True)
        before = snapshot(nested)
    lost.unlink()
    del before[str(lost.relative_to(nested))]
    with pytest.raises(UsageError) as caught:
        Checkout(nested, resolve(nested, "old"), cache).__enter__()
    old = git(nested, "rev-parse", "--short=10", "old")
    assert str(caught.value) == (
        f"commit {old} needs its submodule third/lib at {recorded}, which the clone of it in {inner} does not have: "
        f"git -C {inner} fetch origin {recorded}; for clones that were never completed: "
        "git submodule update --init --recursive"
    )
    assert snapshot(nested) == before
    assert list(cache.iterdir()) == []
