"""What code may read or run that no commit tells of."""

import subprocess
from importlib.machinery import EXTENSION_SUFFIXES

import pytest

from pytest_modelbench.vcs.beside import code_of, fingerprint, ignored_by_git

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


def test_compiled_extensions_beside_code_and_settings_that_git_ignores_count(repository):
    assert ignored_by_git(repository, [repository]) == []
    (repository / "net" / NATIVE).write_bytes(b"\x7fELF")
    (repository / ".env").write_text("WEIGHTS=a\n")
    (repository / "net" / ".env").write_text("DEBUG=1\n")  # read by nobody who starts at the top
    (repository / "data" / NATIVE).write_bytes(b"")  # beside no code
    found = ignored_by_git(repository, [repository])
    assert found == [repository / "net" / NATIVE, repository / ".env"]
    first = fingerprint(found, repository)
    assert first.startswith("2 files (")
    (repository / ".env").write_text("WEIGHTS=b\n")
    assert fingerprint(found, repository) != first


def test_what_git_has_belongs_to_a_commit(repository):
    (repository / "net" / NATIVE).write_bytes(b"\x7fELF")
    subprocess.run(["git", "add", "--force", f"net/{NATIVE}"], cwd=repository, check=True)
    assert ignored_by_git(repository, [repository]) == []


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
