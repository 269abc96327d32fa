"""What a session says of its sources is true: the commit, and whether code differs from it."""

import subprocess
import sys
from types import ModuleType

import pytest

from pytest_modelbench.core.session import Stamp, told_session, told_sources
from pytest_modelbench.session.provenance import stamped
from pytest_modelbench.store.attributes import write_attributes
from pytest_modelbench.vcs.git import sources, stamp

BASELINE = '{"format": "pytest-modelbench baseline", "schema": 3,\n "records": [\n\nnull]}\n'
RESULTS = '{\n "format": "pytest-modelbench results",\n "schema": 2\n}\n'


pytestmark = pytest.mark.usefixtures("plain_git")


def git(where, *arguments):
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always")
    command = ["git", "-C", str(where), *who, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def write(where, **files):
    for name, text in files.items():
        path = where / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def commit(where):
    git(where, "add", "--all")
    git(where, "commit", "--quiet", "--allow-empty", "--message", "x")
    return git(where, "rev-parse", "HEAD")


def make(where):
    where.mkdir()
    git(where, "init", "--quiet")
    write(where, net_DOT_py="1")
    commit(where)
    return where


@pytest.fixture
def project(tmp_path):
    return make(tmp_path / "project")


def dirty(where):
    found = stamp(where)
    assert found.commit == git(where, "rev-parse", "HEAD")
    return found.dirty


@pytest.mark.parametrize(
    ("name", "text", "is_dirty"),
    [
        ("bench/test_net.py", "", True),  # a folder that is untracked as a whole
        ("pkg/layer.py", "", True),
        ("pkg/kernel.cu", "", True),
        ("pkg/ext.so", "", True),
        ("configs/net.yaml", "", True),
        ("configs/net.json", '{"blocks": 3}', True),
        ("conftest.py", "", True),
        ("pyproject.toml", "", True),
        ("notes.md", "x", False),
        ("plot.png", "x", False),
        ("pkg/__pycache__/layer.cpython-311.pyc", "x", False),
        ("net.egg-info/PKG-INFO", "x", False),
        (".vscode/settings.json", "{}", False),
        (".venv/lib/python3.11/site-packages/other.py", "", False),
        ("baselines/portable/cost.json", BASELINE, False),
        ("some/where/else/cpu-x/cost.json", BASELINE, False),
        ("baselines/.gitattributes", "*.json merge=union\n", False),
        ("results.json", RESULTS, False),
        ("ignored.py", "", False),
    ],
)
def test_untracked_files_make_it_dirty_where_they_may_be_code(project, name, text, is_dirty):
    (project / ".git" / "info" / "exclude").write_text("ignored.py\n")
    assert not dirty(project)
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text(text)
    assert dirty(project) is is_dirty


def test_what_tells_git_how_to_merge_baselines_is_no_change_where_it_is_staged(project):
    written = write_attributes(project)
    assert written is not None
    git(project, "add", "--all")
    assert not dirty(project)
    written.write_text("*.py text\n")
    assert dirty(project)


def test_what_is_seen_from_a_folder_of_the_repository_is_the_whole_of_it(project):
    write(project, pkg__a_DOT_md="")
    commit(project)
    write(project, other__layer_DOT_py="")
    assert dirty(project / "pkg")


def test_an_environment_below_the_project_is_no_code_of_it(project):
    write(project, venv__pyvenv_DOT_cfg="", venv__bin__tool_DOT_py="")
    assert not dirty(project)
    write(project, venv_of_mine__tool_DOT_py="")
    assert dirty(project)


def test_baselines_that_were_accepted_changed_or_pruned_are_no_change_of_code(project):
    write(project, elsewhere__portable__cost_DOT_json=BASELINE, elsewhere__portable__a_DOT_json=BASELINE)
    commit(project)
    write(project, elsewhere__portable__cost_DOT_json=BASELINE + " ")
    (project / "elsewhere/portable/a.json").unlink()
    git(project, "add", "elsewhere")
    assert not dirty(project)
    write(project, net_DOT_py="2")
    assert dirty(project)


def test_a_submodule_with_code_of_its_own_is_dirty(project, tmp_path):
    git(project, "submodule", "--quiet", "add", str(make(tmp_path / "lib")), "third")
    commit(project)
    write(project / "third", notes_DOT_md="")
    assert not dirty(project)
    write(project / "third", new_DOT_py="")
    assert dirty(project)
    assert dirty(project / "third")


def test_a_linked_worktree_has_a_state_of_its_own(project, tmp_path):
    git(project, "worktree", "add", "--quiet", str(tmp_path / "linked"))
    write(tmp_path / "linked", new_DOT_py="")
    assert dirty(tmp_path / "linked")
    assert not dirty(project)


def test_outside_of_a_repository_there_is_nothing_to_say(tmp_path):
    found, warnings = sources(tmp_path)
    assert (found, warnings) == (Stamp(found.started, None, False), ())


def test_before_the_first_commit_there_is_none_and_all_is_uncommitted(tmp_path):
    git(tmp_path, "init", "--quiet")
    found, warnings = sources(tmp_path)
    assert (found.commit, found.dirty, warnings) == (None, True, ())
    assert found.id == f"{found.started}-uncommitted"
    assert stamped(found, tmp_path) == found
    assert Stamp("now").id == "now-nogit"
    assert Stamp("now", "0123456789ab", dirty=True).id == "now-0123456789-dirty"


@pytest.mark.parametrize(
    ("commit", "dirty", "told"),
    [
        (None, False, "outside git"),
        (None, True, "before the first commit"),
        ("0123456789ab", False, "commit 0123456789"),
        ("0123456789ab", True, "commit 0123456789 with uncommitted changes"),
    ],
)
def test_a_session_is_told_by_its_day_and_sources(commit, dirty, told):
    assert told_session(Stamp("2026-11-25T08:00:00Z", commit, dirty).id) == f"2026-11-25, {told}"
    assert told_sources(commit, dirty) == told
    assert told_session(Stamp("2026-11-25T08:00:00.123Z", commit, dirty).id) == f"2026-11-25, {told}"
    assert told_session("by hand") == "by hand"


def untold(where):
    found, (warning,) = sources(where)
    assert (found.commit, found.dirty) == (None, False)
    assert warning.startswith("the state of the sources in git is not known, so no duet can confirm what is accepted")
    return warning


def test_a_repository_of_somebody_else_is_named_with_the_command_that_mends_it(project, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert f"git config --global --add safe.directory {project}" in untold(project)


def test_a_repository_without_git_is_named_with_the_way_out(project, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "install git, or put it on PATH" in untold(project)
    assert sources(tmp_path)[1] == ()  # without a repository nobody misses git


@pytest.mark.parametrize("kind", ["broken", "moved"])
def test_a_repository_that_git_cannot_read_is_named(project, tmp_path, kind):
    where = project
    if kind == "broken":
        (project / ".git" / "HEAD").unlink()
    else:
        git(project, "worktree", "add", "--quiet", str(tmp_path / "linked"))
        where = tmp_path / "linked"
        project.rename(tmp_path / "moved")
    assert "not a git repository" in untold(where)
    assert "git worktree repair" in untold(where)


def test_an_index_that_git_cannot_read_leaves_the_commit_and_makes_it_dirty(project):
    (project / ".git" / "index").write_bytes(b"nonsense")
    found, (warning,) = sources(project)
    assert (found.commit, found.dirty) == (git(project, "rev-parse", "HEAD"), True)
    assert "looking for changes" in warning


@pytest.mark.parametrize(
    ("name", "text", "is_dirty"),
    [
        ("local/net.py", "", True),
        ("local/_version.py", "# file generated by setuptools-scm", False),
        ("local/site-packages/net.py", "", False),
        ("known/net.py", "", False),
    ],
)
def test_ignored_code_that_was_imported_makes_it_dirty(project, monkeypatch, name, text, is_dirty):
    write(project, _DOT_gitignore="local\n", known__net_DOT_py="")
    commit(project)
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_text(text)
    before = stamp(project)
    assert stamped(before, project) == before
    module = ModuleType("local_net")
    module.__file__ = str(project / name)
    monkeypatch.setitem(sys.modules, "local_net", module)
    assert not before.dirty
    assert stamped(before, project).dirty is is_dirty
    assert stamped(Stamp("now"), project) == Stamp("now")
