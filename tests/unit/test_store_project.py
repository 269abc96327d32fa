"""Which file's settings hold, for which tests, and what paths in it start from."""

from pathlib import Path

import pytest

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.store.project import common_folder, nearest_table, project_here, project_of
from pytest_modelbench.store.rootdir import pytest_root
from pytest_modelbench.store.tables import FILES, table_in, tables_of

HELD = {
    "pytest.toml": "[modelbench]\nthreads = 2\n",
    ".pytest.toml": "[tool.modelbench]\nthreads = 2\n",
    "pytest.ini": "[pytest]\n[modelbench]\nthreads = 2\n",
    ".pytest.ini": "[modelbench]\nthreads = 2\n",
    "pyproject.toml": "[tool.modelbench]\nthreads = 2\n",
    "tox.ini": "[tox]\n[tool:modelbench]\nthreads = 2\n",
    "setup.cfg": "[metadata]\n[tool:modelbench]\nthreads = 2\n",
}


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """The top of a repository, with the folders packages/a/tests, packages/b and ci."""
    for folder in (".git", "packages/a/tests", "packages/b", "ci"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def write(folder: Path, name: str = "pyproject.toml", text: str = "") -> Path:
    path = folder / name
    path.write_text(text or HELD[name])
    return path


@pytest.mark.parametrize("name", FILES)
def test_each_of_pytests_files_may_hold_the_settings(top: Path, name: str) -> None:
    path = write(top, name)
    project = project_here(top / "ci")
    assert project.table is not None
    assert project.table.path == path
    assert project.settings({}, top).threads == 2
    assert project.unused == ()


def test_of_several_in_one_folder_pytests_first_holds_and_the_others_are_unused(top: Path) -> None:
    paths = [write(top, name) for name in FILES]
    project = project_here(top)
    assert [table.path for table in tables_of(top)] == paths
    assert project.table is not None
    assert project.table.path == paths[0]
    assert [table.path for table in project.unused] == paths[1:]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("pytest.ini", "[modelbench]\n[tool:modelbench]\n", "has the settings twice, as [modelbench] and"),
        ("pytest.toml", "[modelbench]\n[tool.modelbench]\n", "has the settings twice, as [tool.modelbench] and"),
        ("tox.ini", "[modelbench\nthreads", "cannot be read: line 1: unexpected value continuation; mend it"),
        ("pyproject.toml", "[tool.modelbench]\nthreads", "cannot be read: "),
        ("setup.cfg", "[modelbench]\nbands = [3]\n", "[modelbench] bands: '[3]' is written as in TOML"),
    ],
)
def test_a_file_that_cannot_be_understood_is_an_error_that_names_it(top: Path, name: str, text: str, says: str) -> None:
    path = write(top, name, text)
    with pytest.raises(UsageError) as caught:
        nearest_table(top / "ci")
    assert str(caught.value).startswith(f"{path}: {says}")


@pytest.mark.parametrize(("name", "text"), [("tox.ini", "nothing of ours"), ("pyproject.toml", "[")])
def test_a_file_that_says_nothing_of_this_tool_is_nobodys_business(top: Path, name: str, text: str) -> None:
    assert table_in(write(top, name, text)) is None
    assert table_in(top / "modelbench.txt") is None


def test_a_table_at_the_top_of_pyproject_is_not_ours(top: Path) -> None:
    assert table_in(write(top, text="[modelbench]\nthreads = 2\n")) is None


def test_the_nearest_table_above_all_the_tests_holds_and_one_further_up_does_not(top: Path) -> None:
    outer, inner = write(top), write(top / "packages" / "a")
    tests = [top / "packages/a/tests"]
    project = project_of(tests, top, top)
    assert project.table is not None
    assert (project.table.path, project.base) == (inner, top / "packages/a")
    assert [table.path for table in project.unused] == [outer]
    both = project_of([*tests, top / "packages/b"], top, top)
    assert both.table is not None
    assert both.table.path == outer


def test_above_the_root_directory_it_is_looked_for_up_to_the_top_of_the_repository(top: Path) -> None:
    path = write(top)
    write(top / "packages/a/tests", "pytest.ini", "[pytest]\n")
    project = project_here(top / "packages/a/tests")
    assert project.root == top / "packages/a/tests"
    assert project.table is not None
    assert project.table.path == path
    (top / "packages/.git").touch()  # a submodule, or another work tree
    assert project_here(top / "packages/a/tests").table is None


def test_where_there_is_none_above_the_tests_that_of_the_root_directory_holds(top: Path) -> None:
    path = write(top / "ci")
    project = project_of([top / "packages"], top / "ci", top)
    assert project.table is not None
    assert (project.table.path, project.given) == (path, False)


def test_a_file_given_by_name_holds_if_it_has_a_table(top: Path) -> None:
    nearest, given = write(top), write(top / "ci", "bench.ini", "[pytest]\n[modelbench]\nthreads = 3\n")
    project = project_here(top / "ci", Path("bench.ini"))
    assert project.table is not None
    assert (project.table.path, project.given, project.root) == (given, True, top / "ci")
    assert [table.path for table in project.unused] == [nearest]
    given.write_text("[pytest]\n")
    project = project_here(top, given)
    assert project.table is not None
    assert (project.table.path, project.given) == (nearest, False)
    with pytest.raises(UsageError, match=r"^-c gone.ini: there is no such file; check the path$"):
        project_here(top, Path("gone.ini"))


def test_a_table_beside_the_user_and_not_above_the_tests_is_unused(top: Path) -> None:
    path = write(top / "ci")
    project = project_of([top / "packages"], top, top / "ci")
    assert project.table is None
    assert [table.path for table in project.unused] == [path]


@pytest.mark.parametrize("name", ["pyproject.toml", "pytest.ini", "setup.cfg", "pytest.toml"])
def test_the_command_looks_where_a_pytest_without_arguments_looks_for_tests(top: Path, name: str) -> None:
    header = {"pyproject.toml": "[tool.pytest.ini_options]", "setup.cfg": "[tool:pytest]"}.get(name, "[pytest]")
    value = '["packages/a"]' if name.endswith("toml") else "packages/a"
    write(top, name, f"{header}\ntestpaths = {value}\n")
    path = write(top / "packages/a", "setup.cfg")
    project = project_here(top)
    assert project.table is not None
    assert project.table.path == path
    (top / "ci/packages/a").mkdir(parents=True)
    write(top / "ci/packages/a")
    assert project_here(top / "ci").table is None  # below the root directory pytest looks in the current folder alone


def test_paths_in_a_file_start_from_its_folder_and_typed_ones_from_where_they_are_typed(top: Path) -> None:
    write(
        top / "packages/a", text="[tool.modelbench]\nbaselines = '../bl'\ndata = 'val'\nagainst-python = '/v/python'\n"
    )
    project = project_of([top / "packages/a"], top, top / "ci")
    settings = project.settings({}, top / "ci")
    assert settings.baselines == str(top / "packages/bl")
    assert settings.data == str(top / "packages/a/val")
    assert settings.against_python == "/v/python"
    typed = project.settings({"baselines": "bl", "data": "../val"}, top / "ci")
    assert (typed.baselines, typed.data) == (str(top / "ci/bl"), str(top / "val"))


def test_baselines_lie_beside_the_settings_else_in_the_root_directory(top: Path) -> None:
    tests = [top / "packages/a"]
    assert project_of(tests, top, top / "ci").settings({}, top).baselines == str(top / "baselines")
    write(top / "packages/a", "tox.ini")
    assert project_of(tests, top, top / "ci").settings({}, top).baselines == str(top / "packages/a/baselines")


def test_a_home_folder_is_one_in_a_file_and_on_the_command_line(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    write(top, text="[tool.modelbench]\ndata = '~/coco'\n")
    settings = project_here(top).settings({"baselines": "~/bl"}, top)
    assert (settings.data, settings.baselines) == ("/home/somebody/coco", "/home/somebody/bl")


def test_what_makes_no_sense_is_told_with_file_and_section_as_they_are_seen_from_here(top: Path) -> None:
    write(top, "setup.cfg", "[tool:modelbench]\nmising = fail\n")
    with pytest.raises(UsageError, match=r"^\.\./setup.cfg: \[tool:modelbench\] has no setting 'mising'. Did you mean"):
        project_here(top / "ci").settings({}, top / "ci")


@pytest.mark.parametrize(
    ("files", "root"),
    [
        ({"packages/a/pyproject.toml": "[project]", "tox.ini": "[pytest]"}, "."),
        ({"packages/a/pyproject.toml": "[project]", "tox.ini": "[tox]"}, "packages/a"),
        ({"packages/a/pytest.ini": "", "pyproject.toml": "[tool.pytest.ini_options]"}, "packages/a"),
        ({"packages/a/setup.cfg": "[metadata]", "pyproject.toml": "[tool.pytest]\nxfail_strict = true"}, "."),
        ({"packages/setup.py": ""}, "packages"),
        ({}, "packages/a"),
    ],
)
def test_the_root_directory_is_the_one_that_pytest_takes(
    top: Path, files: dict[str, str], root: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        (top / name).write_text(text + "\n")
    here = top / "packages/a"
    assert pytest_root(here, here) == top / root
    monkeypatch.chdir(here)
    assert pytester.parseconfig().rootpath == top / root


@pytest.mark.parametrize(
    ("tests", "folder"),
    [
        (["packages/a/tests", "packages/b"], "packages"),
        (["packages/a/tests", "packages/a"], "packages/a"),
        (["packages/a/tests/test_a.py"], "packages/a/tests"),
        (["packages/b", "gone/test_a.py"], "packages/b"),
    ],
)
def test_the_common_folder_is_the_deepest_that_holds_all_tests_that_are_there(
    top: Path, tests: list[str], folder: str
) -> None:
    (top / "packages/a/tests/test_a.py").touch()
    assert common_folder([top / test for test in tests]) == top / folder
    assert common_folder([top / "gone"]) is None
