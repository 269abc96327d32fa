"""What selects tests: hooks see in a worker what they see in the controller, and its choice stands."""

import pytest

SLOW = """
import pytest

def pytest_configure(config):
    config.addinivalue_line("markers", "slow: only with -m slow")

def pytest_collection_modifyitems(config, items):
    if "slow" not in config.getoption("markexpr"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="needs -m slow"))
"""

MARKED = """
import pytest

@pytest.mark.slow
def test_slow(modelbench):
    modelbench.record("answer", 1)

def test_other(modelbench):
    modelbench.record("answer", 2)
"""

FOUR = "import pytest\n\n" + "".join(
    f"def test_{name}(modelbench):\n    modelbench.record('answer', 1)\n\n" for name in ("a", "b", "c", "d")
)


def test_conftest_sees_the_marks_and_keywords_that_were_asked_for(bench, pytester, stored):
    pytester.makeconftest(SLOW)
    bench("-m", "slow", source=MARKED).assert_outcomes(passed=1, deselected=1)
    bench("-k", "test_slow or other", source=MARKED).assert_outcomes(passed=1, skipped=1)
    pytester.makepyprojecttoml("[tool.modelbench]\nupdate-rounds = 2\n")
    bench("--update-baselines", "-m", "slow").assert_outcomes(passed=1, deselected=1)
    assert list(stored()["portable"]) == ["test_it.py::test_slow"]


def test_a_hook_that_cuts_a_list_does_not_cut_the_workers_part_again(bench, pytester):
    pytester.makeconftest("def pytest_collection_modifyitems(items):\n    items[:] = items[len(items) // 2 :]\n")
    bench(source=FOUR).assert_outcomes(passed=2)


@pytest.mark.slow
@pytest.mark.parametrize("group", [1, 2])
def test_pytest_split(bench, beside, group):
    beside("pytest-split")
    bench("--splits=2", f"--group={group}", source=FOUR).assert_outcomes(passed=2, deselected=2)


def test_a_test_that_is_found_twice_or_outside_of_the_root_is_refused(bench, pytester):
    result = bench("--keep-duplicates", "test_it.py", "test_it.py", source=FOUR)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*does not tell this test from others; leave --keep-duplicates out*"])
    pytester.mkdir("ci")
    (pytester.path / "ci" / "bench.ini").write_text("[pytest]\n")
    result = bench("-c", "ci/bench.ini", "test_it.py")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    root = pytester.path
    result.stderr.fnmatch_lines([f"*as happens outside of the root directory {root}/ci; add --rootdir={root}"])
    bench("-c", "ci/bench.ini", f"--rootdir={root}", "test_it.py").assert_outcomes(passed=4)


def test_the_order_can_be_kept(bench, pytester):
    pytester.makeconftest(
        """
        def pytest_runtest_setup(item):
            with open("order", "a") as file:
                file.write(f"{item.name[-1]} ")
        """
    )
    bench("--modelbench-order=keep", source=FOUR).assert_outcomes(passed=4)
    assert (pytester.path / "order").read_text() == "a b c d "
