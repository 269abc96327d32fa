"""Where the code of either side of a pair comes from."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from pytest_modelbench.workers.job import Site
from pytest_modelbench.workers.origin import import_path, packages, project_path, strays


def project(root: Path, *files: str) -> Path:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return root


def module(name: str, file: object) -> dict[str, ModuleType]:
    found = ModuleType(name)
    found.__file__ = str(file)
    return {name: found}


def test_packages_of_flat_and_src_layout_are_found_and_tests_are_none(tmp_path):
    root = project(
        tmp_path, "flat/__init__.py", "one.py", "src/inner/__init__.py", "tests/__init__.py", "setup.py", "conftest.py",
        "data/x.csv", "not-a-name/__init__.py", "pytest_modelbench/__init__.py",
    )  # fmt: skip
    assert packages(root) == {"inner": root / "src", "flat": root, "one": root}


def test_paths_of_the_project_are_mapped_and_installed_ones_are_not(tmp_path):
    root, other = project(tmp_path / "here", "x/y.py"), tmp_path / "there"

    def path_of(path):
        return other / path.relative_to(root) if path.is_relative_to(root) else None

    venv = root / ".venv/lib/python3.12/site-packages"
    path = [str(root), str(root / "src"), str(venv), "/usr/lib/python3.12", ""]
    mapped = [str(other), str(other / "src"), str(venv), "/usr/lib/python3.12", ""]
    assert import_path(root, path_of, path) == mapped
    assert project_path(root, path) == [str(root), str(root / "src")]


def test_a_package_that_a_hook_imports_comes_first(tmp_path, monkeypatch):
    """As after ``pip install -e .`` by a finder: the path has nothing of the project, but its packages are found."""
    root, other = project(tmp_path / "here", "src/hooked_pkg/__init__.py"), tmp_path / "there"
    monkeypatch.setattr(sys, "path", [*sys.path, str(root / "src")])  # stands for the finder

    def path_of(path):
        return other / path.relative_to(root) if path.is_relative_to(root) else None

    path = import_path(root, path_of, ["/usr/lib/python3.12"])
    assert path == [str(other / "src"), "/usr/lib/python3.12"]


OWN, OTHER = "/cache/there", "/projects/here"
SIDE = Site([], own_root=OWN, other_root=OTHER, packages=["pkg"])


@pytest.mark.parametrize(
    ("name", "file", "stray"),
    [
        ("pkg", f"{OWN}/pkg/__init__.py", False),
        ("pkg", f"{OTHER}/pkg/__init__.py", True),
        ("pkg", "/usr/lib/python3/site-packages/pkg/__init__.py", True),
        ("pkg", f"{OWN}/.venv/lib/site-packages/pkg/__init__.py", True),
        ("torch", f"{OTHER}/.venv/lib/site-packages/torch/__init__.py", False),
        ("torch", "/usr/lib/python3/site-packages/torch/__init__.py", False),
        ("helper_of_tests", f"{OTHER}/tests/helper_of_tests.py", True),
        ("pytest_modelbench.plugin", f"{OTHER}/pytest_modelbench/plugin.py", False),
        ("pkg", None, False),
    ],
)
def test_code_from_elsewhere_is_a_stray(name, file, stray):
    modules = module(name, file) if file else {name: ModuleType(name)}
    assert strays(SIDE, modules) == ([f"{name} from {file}"] if stray else [])


def test_outside_of_pairs_nothing_is_a_stray():
    assert strays(Site([]), module("pkg", "/anywhere/pkg.py")) == []


def test_one_tree_in_two_interpreters_shares_its_files():
    same = Site([], own_root=OWN, other_root=OWN, packages=["pkg"])
    assert strays(same, module("helper", f"{OWN}/tests/helper.py")) == []
    assert strays(same, module("pkg", "/venv/site-packages/pkg/__init__.py"))
