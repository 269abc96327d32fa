"""What code may read or run that no commit tells of."""

import os
import subprocess
from importlib.machinery import EXTENSION_SUFFIXES

import pytest

from pytest_modelbench.vcs import beside
from pytest_modelbench.vcs.beside import beside_commits, code_of, fingerprint

NATIVE = f"fast{EXTENSION_SUFFIXES[0]}"


@pytest.fixture
def repository(tmp_path, plain_git):
    top = tmp_path / "project"
    (top / "net").mkdir(parents=True)
    for name, text in {"net/net.py": "x = 1\n", ".gitignore": "*.so\n.env\n.venv\n", "data/one.py.txt": ""}.items():
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_text(text)
    for command in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *command], cwd=top, check=True)
    return top


def test_what_code_runs_or_reads_and_git_does_not_have_counts(repository):
    assert beside_commits(repository) == []
    (repository / "net" / NATIVE).write_bytes(b"\x7fELF")
    (repository / ".env").write_text("WEIGHTS=a\n")
    (repository / "data" / "model.pt").write_bytes(b"exported")  # not ignored, and no code
    (repository / "data" / "image.png").write_bytes(b"")
    (repository / "results.json").write_text("{}")
    found = beside_commits(repository / "net")
    assert found == [repository / ".env", repository / "data/model.pt", repository / "net" / NATIVE]
    first = fingerprint(found, repository)
    assert first.startswith("3 files (")
    (repository / "data" / "model.pt").write_bytes(b"exported again")
    assert fingerprint(found, repository) != first


def test_of_large_files_size_and_time_stand_for_what_they_hold(repository, monkeypatch):
    monkeypatch.setattr(beside, "_LARGEST", 4)
    path = repository / "model.pt"
    path.write_bytes(b"a" * 10)
    os.utime(path, ns=(0, 0))
    first = fingerprint([path], repository)
    path.write_bytes(b"b" * 10)
    os.utime(path, ns=(0, 0))
    assert fingerprint([path], repository) == first
    os.utime(path, ns=(0, 1))
    assert fingerprint([path], repository) != first


def test_what_is_installed_in_the_repository_is_told_elsewhere(repository):
    (repository / ".venv" / "lib").mkdir(parents=True)
    (repository / ".venv" / "pyvenv.cfg").write_text("")
    (repository / ".venv" / "lib" / NATIVE).write_bytes(b"")
    assert beside_commits(repository) == []


def test_what_git_has_belongs_to_a_commit(repository):
    (repository / "net" / NATIVE).write_bytes(b"\x7fELF")
    subprocess.run(["git", "add", "--force", f"net/{NATIVE}"], cwd=repository, check=True)
    assert beside_commits(repository) == []


def test_without_git_nothing_is_beside_it(tmp_path, plain_git):
    (tmp_path / "model.pt").write_bytes(b"")
    assert beside_commits(tmp_path) == []


@pytest.mark.parametrize("versioned", [True, False])
def test_code_that_is_installed_from_elsewhere_is_known_by_all_of_it(repository, versioned):
    if not versioned:
        subprocess.run(["rm", "-r", ".git"], cwd=repository, check=True)
    before = code_of(repository)
    assert before.startswith("1 file (")
    (repository / "README").write_text("no code")
    assert code_of(repository) == before
    for name in ("net/net.py", f"net/{NATIVE}", "net/new.py"):
        (repository / name).write_text("x = 2\n")
        assert code_of(repository) != before
        before = code_of(repository)
    assert before.startswith("3 files (")


def test_nothing_has_no_fingerprint(tmp_path):
    assert fingerprint([], tmp_path) == ""
