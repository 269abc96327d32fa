"""What git tells of the files behind a test since a commit, in words as well."""

import subprocess

import pytest

from pytest_modelbench.core.history import Commit
from pytest_modelbench.report.around import around
from pytest_modelbench.vcs import history as module
from pytest_modelbench.vcs.history import history

pytestmark = pytest.mark.usefixtures("plain_git")


class Project:
    def __init__(self, root):
        self.root = root
        root.mkdir()
        self.git("init", "--quiet")
        self.first = self.commit("begin", net="1", neck="1", test_net="1")

    def git(self, *arguments):
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        command = ["git", "-C", str(self.root), *who, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def commit(self, subject, **files):
        for name, text in files.items():
            (self.root / f"{name}.py").write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", subject)
        return self.git("rev-parse", "HEAD")

    def since(self, commit=None, *names):
        files = [self.root / f"{name}.py" for name in names or ("net", "test_net")]
        return history(self.root, commit or self.first, files)

    def told(self, *names):
        return around([(self.since(None, *names), "main")], same_packages=False)


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "project")


def test_commits_that_touch_the_files_are_told_the_newest_first(project):
    project.commit("Widen the net", net="2")
    project.commit("Something else", other="2")
    last = project.commit("Test | more <b>\x07\n\nWith a body.", test_net="2", other="3")
    found = project.since()
    assert found.touched == ("net.py", "test_net.py")
    assert [one.subject for one in found.commits] == ["Test | more <b>\x07", "Widen the net"]
    assert (found.uncommitted, found.same) == ((), False)
    second = project.git("log", "--format=%h", "-1", "--skip=2")
    assert project.told() == (
        "2 commits since main touch net.py, test_net.py:\n"
        f"    {project.git('log', '--format=%h', '-1', last)} Test | more <b> \n    {second} Widen the net"
    )


def test_what_was_changed_and_changed_back_is_no_change(project):
    project.commit("Widen the net", net="2")
    project.commit("Revert that", net="1")
    found = project.since()
    assert (found.touched, found.commits) == ((), ())
    assert project.told() == "no commit since main touches net.py, test_net.py"


def test_changes_that_are_in_no_commit_are_told(project):
    (project.root / "net.py").write_text("3")
    found = project.since()
    assert (found.uncommitted, found.same) == (("net.py",), True)
    assert project.told() == "main is this very commit\nnot committed: changes in net.py"


def test_many_commits_and_files_are_counted(project):
    for number in range(6):
        project.commit(f"{number} " + 80 * "x", net=str(number), neck=str(number), test_net=str(number))
    lines = project.told("net", "neck", "test_net").splitlines()
    assert lines[0] == "6 commits since main touch neck.py, net.py and 1 other file:"
    assert lines[-1] == "    and 2 more"
    assert lines[1].endswith("x...")
    assert max(map(len, lines)) <= 80


def test_the_users_index_and_hooks_are_left_alone(project):
    project.commit("Widen the net", net="2")
    (project.root / "net.py").touch()
    before = (project.root / ".git/index").read_bytes()
    project.git("config", "log.showSignature", "true")
    project.git("config", "color.ui", "always")
    assert project.since().commits == (Commit(project.git("rev-parse", "--short", "HEAD"), "Widen the net"),)
    assert (project.root / ".git/index").read_bytes() == before


def test_names_are_names_and_no_patterns(project):
    odd = project.root / ":(top)n*t.py"
    odd.write_text("1")
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", "odd")
    assert history(project.root, project.first, [odd]).touched == (":(top)n*t.py",)


def test_what_git_cannot_tell_is_left_out(project, tmp_path, monkeypatch):
    assert history(tmp_path, project.first, [tmp_path / "a.py"]) is None  # no repository
    assert project.since(40 * "a") is None  # not in this clone
    assert history(project.root, project.first, [tmp_path / "elsewhere.py"]) is None
    project.commit("Widen the net", net="2")
    clone = tmp_path / "clone"
    project.git("clone", "--quiet", "--depth=1", f"file://{project.root}", str(clone))
    assert history(clone, project.first, [clone / "net.py"]) is None
    monkeypatch.setattr(module, "_PATIENCE_S", 0.0)
    assert project.since() is None


def test_no_history_is_no_text_and_packages_are_told_once():
    assert around([], same_packages=False) == ""
    assert around([], same_packages=True) == "the installed packages are the same as for the baseline"
