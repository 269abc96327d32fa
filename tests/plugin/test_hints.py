"""What messages print can be typed where it was printed."""

import re
import shlex

import pytest

from pytest_modelbench.cli import main
from tests.unit.store_checks import as_schema_2

ONE = "def test_one(modelbench):\n    modelbench.record('answer', {answer})\n"


def command_of(result, pattern):
    """The arguments of the pytest command in the line that matches ``pattern``."""
    (line,) = [line for line in result.stdout.lines if re.search(pattern, line)]
    words = shlex.split(line[line.index("pytest --modelbench") :])
    return words[2:]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "arguments"),
    [
        (".", ["packages/a"]),
        pytest.param("packages/a", [], marks=pytest.mark.long),
        pytest.param("packages/a/tests", ["."], marks=pytest.mark.long),
        pytest.param("ci", ["../packages/a"], marks=pytest.mark.long),
        pytest.param("ci", ["-c", "bench.ini", "../packages/a"], marks=pytest.mark.long),
        ("ci", ["--rootdir=..", "../packages/a", "--modelbench-baselines=bl"]),
    ],
)
def test_commands_of_a_message_work_where_they_are_printed(bench, mono, tree, pytester, monkeypatch, folder, arguments):
    run = pytester.runpytest_inprocess
    monkeypatch.chdir(pytester.path / folder)
    assert bench("--update-baselines", *arguments).ret == 0
    tree({"packages/a/tests/test_a.py": ONE.format(answer=3)})
    result = bench(*arguments)
    seeing = command_of(result, "to see it again")
    assert ("--config-file=bench.ini" in seeing) == ("-c" in arguments)
    assert ("--rootdir=.." in seeing) == ("--rootdir=.." in arguments)
    again = run("--modelbench", *seeing)
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["answer: answer regressed: 1 -> 3*"])
    run("--modelbench", *command_of(result, "if this is intended")).stdout.fnmatch_lines(["*answer *1*3*replaced*"])
    assert bench(*arguments).ret == 0


@pytest.mark.slow
def test_commands_keep_the_root_directory_that_naming_a_test_would_change(bench, tree, pytester):
    tree({"pytest.ini": "[pytest]\n", "sub/tox.ini": "[pytest]\n", "sub/test_it.py": ONE.format(answer=1)})
    assert bench("--update-baselines").ret == 0
    tree({"sub/test_it.py": ONE.format(answer=3)})
    arguments = command_of(bench(), "to see it again")
    assert arguments == [
        "--modelbench-device=cpu",
        "--config-file=pytest.ini",
        "--rootdir=.",
        "sub/test_it.py::test_one",
    ]
    pytester.runpytest_inprocess("--modelbench", *arguments).stdout.fnmatch_lines(["*answer regressed: 1 -> 3*"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "arguments", "where"),
    [("ci", ["../packages/a"], " --baselines ../packages/a/baselines"), ("packages/a/tests", [], "")],
)
def test_an_entry_is_pruned_by_the_command_as_it_is_printed(
    bench, mono, tree, pytester, monkeypatch, capsys, folder, arguments, where
):
    monkeypatch.chdir(pytester.path / folder)
    assert bench("--update-baselines", *arguments).ret == 0
    tree({"packages/a/tests/test_a.py": ONE.format(answer=1).replace("test_one", "test_two")})
    result = bench(*arguments)
    (line,) = [line[line.index("pytest-modelbench") :] for line in result.outlines if "-modelbench prune" in line]
    assert line == f"pytest-modelbench prune{where} --test packages/a/tests/test_a.py::test_one"
    capsys.readouterr()
    assert main(shlex.split(line)[1:]) == 0
    assert capsys.readouterr().out == "removed portable: packages/a/tests/test_a.py::test_one answer\n"


@pytest.mark.slow
def test_a_report_below_the_root_names_what_pytest_takes_there(bench, mono, tree, pytester, monkeypatch, capsys):
    monkeypatch.chdir(pytester.path / "packages/a")
    two = ONE.format(answer=1) + ONE.format(answer=1).replace("test_one", "test_two")
    tree({"packages/a/tests/test_a.py": two})
    assert bench("--update-baselines").ret == 0
    tree({"packages/a/tests/test_a.py": two.replace("1", "2", 1)})
    assert bench("--modelbench-json=r.json").ret == 1
    capsys.readouterr()
    assert main(["report", "r.json"]) == 0
    accept = "pytest --modelbench --modelbench-device=cpu --update-baselines"
    assert f"\n    {accept} tests/test_a.py::test_one\n" in capsys.readouterr().out
    # What was asked for is asked for again: from the folder of the session, and from any other.
    tree({"packages/a/tests/test_a.py": two.replace("1", "2")})
    assert bench("--modelbench-json=r.json", "-k", "one or two").ret == 1
    for folder, tests in ((".", ""), ("../..", " packages/a"), ("../../ci", " ../packages/a")):
        monkeypatch.chdir(pytester.path / "packages/a" / folder)
        file = str(pytester.path / "packages/a/r.json")
        for more in ([], ["--format=markdown"]):
            assert main(["report", file, *more]) == 0
            assert re.search(rf"\n *{accept} -k 'one or two'{tests}\n", capsys.readouterr().out)


@pytest.mark.slow
def test_files_that_messages_name_are_there(bench, mono, tree, pytester, monkeypatch):
    tree({"packages/a/tests/test_b.py": ONE.format(answer=1)})
    monkeypatch.chdir(pytester.path / "packages/a/tests")
    assert bench("--update-baselines").ret == 0
    tree({"packages/a/tests/test_b.py": "import pytest\n\npytest.skip('no', allow_module_level=True)\n"})
    stored = pytester.path / "packages/a/baselines/portable/a.json"
    stored.write_text(as_schema_2(stored))
    result = bench()
    result.stdout.fnmatch_lines(
        [
            "warning: ../baselines/portable/a.json is written in the form of an older version; `pytest-modelbench con*",
            "NOT GATED: test_b.py was skipped as a whole, with 1 baseline entries: no",
        ]
    )
