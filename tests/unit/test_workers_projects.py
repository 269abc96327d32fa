"""What of a repository can be installed and imported, in any layout."""

import subprocess

import pytest

from pytest_modelbench.vcs.listing import files_below, top_of
from pytest_modelbench.workers.projects import distributions, packages, project_of


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def git(where, *arguments):
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always")
    subprocess.run(["git", "-C", str(where), *who, *arguments], capture_output=True, check=True)


def test_packages_of_any_layout_are_found_with_their_folders():
    files = [
        "flat/__init__.py", "flat/inner/__init__.py", "flat/inner/mod.py", "one.py", "src/acme/part/__init__.py",
        "packages/a/lib/fast.cpython-311.so", "tests/conftest.py", "tests/test_it.py", "setup.py", "data/x.csv",
        "not-a-name/__init__.py",
    ]  # fmt: skip
    assert packages(files) == {
        "a": ["packages"],
        "acme": ["src"],
        "fast": ["packages/a/lib"],
        "flat": ["."],
        "lib": ["packages/a"],
        "one": ["."],
        "packages": ["."],
        "part": ["src/acme"],
        "src": ["."],
        "test_it": ["tests"],
        "tests": ["."],
    }


@pytest.mark.parametrize(
    ("file", "text", "names"),
    [
        ("pyproject.toml", "[project]\nname = 'My_Net.x'\n", ["my-net-x"]),
        ("pyproject.toml", "[tool.poetry]\nname = 'net'\n", ["net"]),
        ("pyproject.toml", "[tool.flit.metadata]\nmodule = 'net'\ndist-name = 'the-net'\n", ["net", "the-net"]),
        ("pyproject.toml", "[tool.pytest.ini_options]\n", []),
        ("pyproject.toml", "[project\n", []),
        ("pyproject.toml", "tool = 3\nproject = 'net'\n", []),
        ("setup.cfg", "[metadata]\nname = net\nversion = %x\n", ["net"]),
        ("setup.cfg", "name\n", []),
        ("setup.py", "import setuptools\nsetuptools.setup(name='net')\n", ["net"]),
        ("setup.py", "from setuptools import setup\nsetup(name=NAME, ext_modules=[Extension(name='x')])\n", []),
        ("setup.py", "print 'old'\n", []),
    ],
)
def test_names_of_distributions_in_every_form_of_metadata(tmp_path, file, text, names):
    write(tmp_path, {f"packages/a/{file}": text})
    assert distributions(tmp_path, [f"packages/a/{file}"]) == {"packages/a": names}


def test_names_that_a_script_makes_up_stand_where_it_was_built(tmp_path):
    write(tmp_path, {"setup.py": "setup(name=NAME)", "lib/net.egg-info/PKG-INFO": "Metadata-Version: 2.1\nName: Net\n"})
    assert distributions(tmp_path, ["setup.py"]) == {".": ["net"]}


def test_what_others_make_and_tests_use_is_no_project_of_the_repository(tmp_path):
    named = {"third_party/timm/pyproject.toml": "timm", "tests/fixtures/x/pyproject.toml": "x", "a/pyproject.toml": "a"}
    write(tmp_path, {file: f"[project]\nname = '{name}'\n" for file, name in named.items()})
    assert distributions(tmp_path, named) == {"a": ["a"]}


def test_the_nearest_project_is_the_one_that_a_folder_belongs_to():
    projects = {".": [], "packages/a": []}
    assert project_of("packages/a/src", projects) == "packages/a"
    assert project_of("packages/b/src", projects) == "."
    assert project_of("src", {"packages/a": []}) is None


def test_files_are_those_that_git_knows_or_would_know_with_submodules(tmp_path):
    lib = write(tmp_path / "lib", {"net.py": ""})
    top = write(tmp_path / "top", {"a.py": "", "ignored/b.py": "", ".gitignore": "ignored\n"})
    for where in (lib, top):
        git(where, "init", "--quiet")
        git(where, "add", "--all")
        git(where, "commit", "--quiet", "--message", "x")
    git(top, "submodule", "add", str(lib), "third")
    write(top, {"new/c.py": ""})
    assert [file for file in files_below(top) if file.endswith(".py")] == ["a.py", "new/c.py", "third/net.py"]
    assert top_of(top / "new") == top


def test_without_git_environments_and_what_was_built_are_left_out(tmp_path):
    left_out = ["venv/pyvenv.cfg", "venv/lib/x.py", ".tox/x.py", "build/lib/a.py", "x/site-packages/b.py"]
    write(tmp_path, dict.fromkeys(["a.py", "x/b.py", *left_out], ""))
    assert files_below(tmp_path) == ["a.py", "x/b.py"]
    assert top_of(tmp_path / "x") == tmp_path / "x"


def test_what_python_keeps_of_modules_is_no_place_to_import_from():
    files = [
        "pkg/__init__.py",
        "__pycache__/conftest.cpython-311-pytest-9.2.0.pyc",
        "pkg/__pycache__/a.cpython-311.pyc",
    ]
    assert packages([*files, "old.pyc"]) == {"old": ["."], "pkg": ["."]}
