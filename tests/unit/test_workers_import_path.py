"""Where a side of a pair looks for what it imports."""

import sys
from importlib.machinery import PathFinder

import pytest

from pytest_modelbench.workers.import_path import import_path, imported_folders, is_installed, project_path


@pytest.fixture
def here(tmp_path):
    def write(*files):
        for name in files:
            path = tmp_path / "here" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
        return tmp_path / "here"

    return write


@pytest.fixture
def led(tmp_path):
    """Maps a path of the working tree into the other one."""

    def path_of(path):
        return (
            tmp_path / "there" / path.relative_to(tmp_path / "here") if path.is_relative_to(tmp_path / "here") else None
        )

    return path_of


class Hook:
    """Stands for what an editable installation imports by: it knows some names, and no path shows it."""

    def __init__(self, folder, *names):
        self.folder, self.names = str(folder), names

    def find_spec(self, name, path=None, target=None):
        return PathFinder.find_spec(name, [self.folder]) if name in self.names else None


def test_paths_of_the_repository_are_led_over_and_installed_ones_are_not(here, led, tmp_path):
    top, there = here("x/y.py", "deps/other-1.0.dist-info/METADATA"), tmp_path / "there"
    venv = top / ".venv/lib/python3.12/site-packages"
    path = [str(top), str(top / "packages/b/src"), str(venv), str(top / "deps"), "/usr/lib/python3.12", ""]
    mapped = [str(there), str(there / "packages/b/src"), str(venv), str(top / "deps"), "/usr/lib/python3.12", ""]
    assert import_path(top, {}, led, path) == mapped
    assert project_path(top, path) == [str(top), str(top / "packages/b/src")]


def test_an_environment_below_the_repository_is_installed(here, monkeypatch):
    top = here("x.py")
    monkeypatch.setattr(sys, "base_prefix", str(top / "env"))
    assert is_installed(top, top / "env/lib/python3.12")
    assert not is_installed(top, top / "lib")
    monkeypatch.setattr(sys, "base_prefix", str(top))
    assert not is_installed(top, top / "lib")


@pytest.mark.parametrize(
    ("file", "name", "folder"),
    [
        ("a/lib/hooked_pkg/__init__.py", "hooked_pkg", "a/lib"),
        ("a/lib/hooked_space/part/__init__.py", "hooked_space", "a/lib"),
        ("mods/hooked_module.py", "hooked_module", "mods"),
    ],
)
def test_what_a_hook_imports_is_looked_for_where_it_takes_it_from(here, led, tmp_path, monkeypatch, file, name, folder):
    top = here(file, "docs/hooked_pkg/__init__.py")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Hook(top / folder, name)])
    known = {name: ["docs", folder], "hooked_nowhere": ["docs"], "sys": [folder], "pip": ["."]}
    assert imported_folders(top, known) == [top / folder]
    path = import_path(top, known, led, ["/usr/lib/python3.12"])
    # Last: such hooks are asked when the path has told nothing, and so nothing else is hidden.
    assert path == ["/usr/lib/python3.12", str(tmp_path / "there" / folder)]
    assert import_path(top, known, led, [str(top / folder)]) == [str(tmp_path / "there" / folder)]


def test_a_folder_of_links_is_looked_for_where_they_lead(here, led, tmp_path):
    """Setuptools' strict editable mode fills a folder, which no commit has, with links to each file."""
    top = here("src/linked_pkg/__init__.py", "build/links/x.py")
    (top / "build/links/linked_pkg").mkdir()
    (top / "build/links/linked_pkg/__init__.py").symlink_to(top / "src/linked_pkg/__init__.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(top / "build/links")
        assert imported_folders(top, {"linked_pkg": ["src"]}) == [top / "src"]


def test_a_hook_that_raises_and_one_that_takes_from_elsewhere_tell_nothing(here, led, tmp_path, monkeypatch):
    class Broken:
        def find_spec(self, name, path=None, target=None):
            raise RuntimeError(name)

    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/hooked_module.py").write_text("")
    top = here("mods/hooked_module.py")
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path, Hook(tmp_path / "elsewhere", "hooked_module")])
    assert import_path(top, {"hooked_module": ["mods"]}, led, []) == []
