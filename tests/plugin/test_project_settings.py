"""Whose settings hold a session, and what its paths start from."""

import re

import pytest

from pytest_modelbench.cli import main

ONE = "def test_one(modelbench):\n    modelbench.record('answer', {answer})\n"
USAGE = pytest.ExitCode.USAGE_ERROR
FAIL = '[tool.modelbench]\nmissing = "fail"\nupdate-rounds = 2\n'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "arguments", "settings", "baselines"),
    [
        (".", ["packages/a"], "packages/a/pyproject.toml", "packages/a/baselines"),
        (".", ["packages/a/tests/test_a.py::test_one"], "packages/a/pyproject.toml", "packages/a/baselines"),
        ("packages/a", [], "pyproject.toml", "baselines"),
        ("packages/a/tests", [], "../pyproject.toml", "../baselines"),
        ("ci", ["../packages/a"], "../packages/a/pyproject.toml", "../packages/a/baselines"),
        (".", ["-c", "ci/bench.ini", "packages/a"], "packages/a/pyproject.toml", "packages/a/baselines"),
    ],
)
def test_the_settings_of_a_package_hold_its_tests(
    bench, mono, pytester, monkeypatch, folder, arguments, settings, baselines
):
    monkeypatch.chdir(pytester.path / folder)
    result = bench(*arguments)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            f"modelbench: measures and judges, device cpu, baselines in {baselines}",
            f"modelbench: settings from [[]tool.modelbench[]] of {settings}",
            "answer: no baseline for answer in portable: nothing there yet",
            f"NOT GATED: 1 check has no baseline in {baselines}/portable: *",
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "arguments", "settings"),
    [
        ({"tests/pytest.ini": "[pytest]\n", "pyproject.toml": FAIL}, [], "pyproject.toml"),
        ({"tests/pytest.ini": "[pytest]\n", "pyproject.toml": FAIL}, ["tests"], "pyproject.toml"),
        ({"tests/pytest.ini": "[pytest]\n[modelbench]\nmissing = fail\n"}, ["tests"], "tests/pytest.ini"),
        ({"ci/bench.ini": "[pytest]\n", "pyproject.toml": FAIL}, ["-c", "ci/bench.ini"], "pyproject.toml"),
        ({"ci/x.toml": "[modelbench]\nmissing = 'fail'\n"}, ["-c", "ci/x.toml", "tests"], "ci/x.toml"),
        ({"tox.ini": "[pytest]\n[modelbench]\nmissing = fail\n"}, [], "tox.ini"),
        ({"setup.cfg": "[tool:pytest]\n[tool:modelbench]\nmissing = fail\n"}, [], "setup.cfg"),
        ({"pytest.ini": "[pytest]\ntestpaths = tests\n", "tests/pyproject.toml": FAIL}, [], "tests/pyproject.toml"),
    ],
)
def test_settings_hold_wherever_pytests_own_file_lies(bench, tree, files, arguments, settings):
    tree({"tests/test_it.py": ONE.format(answer=1), **files})
    result = bench(*arguments)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"modelbench: settings from [[]*modelbench[]] of {settings}"])


@pytest.mark.slow
def test_the_command_reads_the_file_that_pytest_reads(accept, bench, mono, pytester, monkeypatch, capsys):
    for folder, arguments in (
        ("packages/a", []),
        ("packages/a/tests", []),
        ("ci", ["-c", "../packages/a/pyproject.toml"]),
    ):
        monkeypatch.chdir(pytester.path / folder)
        if not arguments:
            pytester.runpytest_inprocess("--modelbench", "--device=cpu", "--update-baselines")
        capsys.readouterr()
        assert main(["show", *arguments]) == 0
        assert re.search(r"^portable +a\.json +1 ", capsys.readouterr().out, re.MULTILINE)
    assert [path.parent.name for path in pytester.path.rglob("baselines")] == ["a"]


@pytest.mark.parametrize(
    ("root", "arguments", "held", "rest"),
    [
        ("", [], "there is none", "; and what is left with --ignore=packages/a"),
        (
            "[tool.modelbench]\n",
            [],
            "[tool.modelbench] of pyproject.toml",
            "; and what is left with --ignore=packages/a",
        ),
        ("", ["--ignore=packages/b"], "there is none", ""),
    ],
)
def test_tests_of_several_tables_are_no_session_and_the_way_out_is_told(bench, mono, tree, root, arguments, held, rest):
    tree({"pyproject.toml": f"[tool.pytest.ini_options]\n{root}"})
    result = bench(*arguments)
    assert result.ret == USAGE
    assert result.errlines[-1 if result.errlines[-1] else -2] == (
        f"ERROR: a session has one table of settings, the nearest above all its tests: {held}. Some of these tests "
        "have a nearer one: [tool.modelbench] of packages/a/pyproject.toml. Run them by themselves: "
        f"pytest --modelbench packages/a{rest}"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "arguments", "unused"),
    [
        (
            {"pyproject.toml": "[tool.modelbench]\n"}, ["packages/a"],
            "[tool.modelbench] of pyproject.toml; packages/a/pyproject.toml is nearer to the tests; move the "
            "settings there",
        ),
        (
            {"packages/a/tox.ini": "[modelbench]\n"}, ["packages/a"],
            "[modelbench] of packages/a/tox.ini; packages/a/pyproject.toml comes first; move the settings there",
        ),
        (
            {"ci/bench.ini": "[pytest]\n[modelbench]\n"}, ["-c", "ci/bench.ini", "packages/a"],
            "[tool.modelbench] of packages/a/pyproject.toml; ci/bench.ini was given with -c; move the settings there",
        ),
        (
            {"ci/bench.ini": "[pytest]\n[modelbench]\n"}, ["-c", "ci/bench.ini", "--ignore=packages/b"],
            "[tool.modelbench] of packages/a/pyproject.toml; ci/bench.ini was given with -c; move the settings there",
        ),
        (
            {"pyproject.toml": "[tool.modelbench]\n[tool.pytest.ini_options]\n"}, ["--rootdir=ci", "packages/a"],
            "[tool.modelbench] of pyproject.toml; packages/a/pyproject.toml is nearer to the tests; move the "
            "settings there",
        ),
    ],
)  # fmt: skip
def test_a_table_that_does_not_hold_is_told_once_with_the_reason(bench, mono, tree, files, arguments, unused):
    tree(files)
    lines = [line for line in bench(*arguments).outlines if line.startswith("modelbench: not used")]
    assert lines == [f"modelbench: not used: {unused}"]


@pytest.mark.slow
def test_baselines_left_in_the_root_directory_are_told(bench, tree, pytester):
    tree({"tests/pytest.ini": "[pytest]\n", "tests/test_it.py": ONE.format(answer=1), "pyproject.toml": FAIL})
    (pytester.path / "tests" / "baselines").mkdir()
    told = (
        "modelbench: not used: the folder tests/baselines; move it to baselines, beside the settings, or name it "
        "there: baselines = ..."
    )
    assert told in bench("tests").outlines
    tree({"pyproject.toml": FAIL + "baselines = 'elsewhere'\n"})
    assert "not used" not in bench("tests").stdout.str()
    tree({"pyproject.toml": FAIL + "baselines = 'tests/baselines'\n"})
    lines = bench("tests").outlines
    assert told not in lines
    assert "modelbench: measures and judges, device cpu, baselines in tests/baselines" in lines


@pytest.mark.parametrize(
    ("folder", "given", "mend"),
    [("ci", "bl", "write ../bl"), (".", "lb", "correct it"), ("ci", "../lb", "correct it")],
)
def test_a_folder_of_baselines_that_is_typed_has_to_be_there(bench, mono, pytester, monkeypatch, folder, given, mend):
    (pytester.path / "bl").mkdir()
    monkeypatch.chdir(pytester.path / folder)
    result = bench(f"--modelbench-baselines={given}", "../packages/a" if folder == "ci" else "packages/a")
    assert result.ret == USAGE
    assert (
        f"ERROR: --modelbench-baselines: there is no folder {given}; it starts from the current folder: {mend}, or "
        "make it: --update-baselines"
    ) in result.errlines


def test_options_in_addopts_start_from_the_current_folder_and_are_told_the_setting(bench, tree, pytester, monkeypatch):
    tree(
        {
            "pytest.ini": "[pytest]\naddopts = --modelbench-baselines=bl\n",
            "ci/x": "",
            "test_it.py": ONE.format(answer=1),
        }
    )
    (pytester.path / "bl").mkdir()
    monkeypatch.chdir(pytester.path / "ci")
    result = bench("..")
    assert result.ret == USAGE
    assert (
        "ERROR: --modelbench-baselines: there is no folder bl; in addopts, too, it starts from the current folder: "
        "write the setting baselines in [tool.modelbench], or make it: --update-baselines"
    ) in result.errlines


@pytest.mark.slow
def test_an_update_makes_the_folder_that_is_typed_where_it_is_typed(bench, mono, pytester, monkeypatch):
    monkeypatch.chdir(pytester.path / "ci")
    result = bench("--update-baselines", "--modelbench-baselines=new/bl", "../packages/a")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*baselines in new/bl", "new/bl/portable/a.json"])
    assert bench("--modelbench-baselines=new/bl", "../packages/a").ret == 0
    monkeypatch.chdir(pytester.path)
    assert bench("--modelbench-baselines=ci/new/bl", "packages/a").ret == 0


@pytest.mark.slow
def test_paths_of_a_file_reach_workers_as_they_were_meant(bench, mono, tree, pytester, monkeypatch):
    source = "def test_data(modelbench):\n    print('data:', modelbench.data)\n    modelbench.record('x', 1)\n"
    tree({"packages/a/pyproject.toml": "[tool.modelbench]\ndata = '../data'\n", "packages/a/tests/test_a.py": source})
    (pytester.path / "packages/data").mkdir()
    for folder, arguments in ((".", ["packages/a"]), ("ci", ["../packages/a", "--modelbench-data=../packages/data"])):
        monkeypatch.chdir(pytester.path / folder)
        result = bench(*arguments, "-rP")
        assert result.ret == 0
        assert f"data: {pytester.path}/packages/data" in result.outlines
