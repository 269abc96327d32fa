"""What baselines promise is measured, or the session fails and says what is not, and why."""

import pytest

from pytest_modelbench.cli import main

pytestmark = pytest.mark.slow

RECORD = "def {name}(modelbench):\n    modelbench.record('answer', 1)\n"
#: A module with two tests, accepted before each change.
TWO = RECORD.format(name="test_one") + RECORD.format(name="test_two")


@pytest.fixture
def accepted(accept, pytester):
    """Two modules of two tests each, with baselines; gives what writes files over them."""
    pytester.makepyfile(test_it=TWO, test_more=TWO)
    accept()

    def write(**files):
        for name, text in files.items():
            (pytester.path / f"{name}.py").write_text(text)

    return write


WITHOUT_HOOK = """
def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if item.name != "test_two" or "more" not in item.nodeid]
"""


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"test_more": RECORD.format(name="test_one")}, "test_two (answer): there is no such test"),
        ({"test_more": TWO.replace("test_two", "xtest_two")}, "test_two (answer): there is no such test"),
        (
            {"test_more": RECORD.format(name="test_one") + "def test_two():\n    pass\n"},
            "test_two (answer): it is no benchmark test: it has neither the modelbench fixture nor the",
        ),
        (
            {
                "test_more": "import pytest\n\n" + RECORD.format(name="test_one")
                + "@pytest.mark.parametrize('x', [])\ndef test_two(x, modelbench):\n    pass\n"
            },
            "test_two (answer): there is no such test",
        ),
        ({"conftest": WITHOUT_HOOK}, "test_two (answer): a hook removed it from the tests and did not report it"),
        (
            {"conftest": "collect_ignore = ['test_more.py']\n"},
            "test_two (answer): its file is there but was not collected: check testpaths, collect_ignore",
        ),
    ],
    ids=["deleted", "renamed", "no benchmark", "no parameters", "dropped by a hook", "ignored by conftest"],
)  # fmt: skip
@pytest.mark.parametrize("arguments", [[], pytest.param(["-q"], marks=pytest.mark.long)], ids=["", "quiet"])
def test_a_test_that_takes_its_gate_along_fails_the_session(bench, accepted, files, told, arguments):
    accepted(**files)
    result = bench(*arguments)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "failed" not in result.parseoutcomes()
    result.stdout.fnmatch_lines(["*NOT GATED: * no test that measures *"])
    if not arguments:
        result.stdout.fnmatch_lines([f"*test_more.py::{told.replace('[', '[[]')}*"])
    assert bench("--modelbench-orphans=warn", *arguments).ret == 0
    # Who asks for other tests is told of those.
    assert bench("test_it.py", *arguments).ret == 0


def test_a_file_that_is_gone_or_left_out_fails_the_session(bench, accepted, pytester):
    pytester.makeini("[pytest]\ntestpaths = test_it.py\n")
    result = bench()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*test_more.py::test_one (answer): its file is there but was not collected*"])
    result.stdout.no_fnmatch_line("*prune*")
    (pytester.path / "test_more.py").rename(pytester.path / "bench_more.py")
    result = bench()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["*pytest-modelbench prune --test test_more.py::test_one --test test_more.py::test_two"]
    )


def test_nothing_is_told_of_what_was_not_asked_for(bench, accepted):
    accepted(test_it=TWO.replace("1)", "2)", 1))
    for arguments in (
        ["-k", "test_one"], ["test_more.py::test_one"], ["--ignore=test_more.py"], ["--deselect=test_more.py"], ["--lf"]
    ):  # fmt: skip
        bench(*arguments).stdout.no_fnmatch_line("*no test that measures*")


def test_accepting_tells_it_and_does_not_fail(bench, accepted):
    accepted(test_more=RECORD.format(name="test_one"))
    result = bench("--update-baselines")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*pytest-modelbench prune --test test_more.py::test_two"])


def test_a_renamed_test_is_told_with_its_verdict_and_keeps_its_baseline_by_the_command(bench, accepted):
    renamed = TWO.replace("test_two", "test_three").replace("1)", "2)")
    accepted(test_more=RECORD.format(name="test_one") + renamed[renamed.index("def test_three") :])
    result = bench()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=3, failed=1)
    command = "pytest-modelbench rename test_more.py::test_two test_more.py::test_three"
    result.stdout.fnmatch_lines(
        [
            f"  if it was renamed:  {command}",
            "NOT GATED: 1 baseline entry of test_more.py::test_two has no test; if the test is now called *three*",
            "    answer would be regressed: 1 -> 2 (+1), no change is tolerated",
            "    if it is gone for good:  pytest-modelbench prune --test test_more.py::test_two",
            f"    {command}",
        ]
    )
    assert main(command.split()[1:]) == 0
    result = bench()
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["answer: answer regressed: 1 -> 2 (+1), no change is tolerated"])
    result.stdout.no_fnmatch_line("*NOT GATED*")
