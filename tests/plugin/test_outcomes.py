"""One test gives one ordinary pytest outcome, whatever process it ran in."""

import xml.etree.ElementTree as ElementTree

import pytest

MIXED = """
import warnings
import pytest

def test_passes(modelbench):
    modelbench.record("answer", 42)

def test_asserts(modelbench):
    print("said before failing")
    left = 40
    assert left + 1 == 42

@pytest.mark.skip(reason="not today")
def test_skipped(modelbench):
    pass

@pytest.mark.xfail(reason="known")
def test_expected_to_fail(modelbench):
    assert False

@pytest.fixture
def broken():
    raise RuntimeError("no such luck")

def test_broken_fixture(broken, modelbench):
    pass

def test_warns(modelbench):
    warnings.warn("mind the gap")
"""


def test_outcomes_and_tracebacks_are_those_of_an_ordinary_run(bench, pytester):
    result = bench("-rA", "--junitxml=junit.xml", "--durations=2", source=MIXED)
    result.assert_outcomes(passed=2, failed=1, skipped=1, xfailed=1, errors=1, warnings=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines_random(
        [
            ">       assert left + 1 == 42",
            "E       assert (40 + 1) == 42",
            "test_it.py:10: AssertionError",
            "said before failing",
            "E       RuntimeError: no such luck",
            "*UserWarning: mind the gap*",
            "FAILED test_it.py::test_asserts - assert (40 + 1) == 42",
            "SKIPPED * test_it.py:*: not today",
            "*slowest 2 durations*",
        ]
    )
    suite = ElementTree.parse(pytester.path / "junit.xml").getroot()[0]
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6", "failures": "1", "errors": "1", "skipped": "2",
    }  # fmt: skip


@pytest.mark.slow
def test_exitfirst_stops_and_lastfailed_runs_only_what_failed(bench, pytester):
    source = "".join(f"def test_{i}(modelbench):\n    assert {i} != 1 and {i} != 2\n\n" for i in range(4))
    first = bench("-x", source=source)
    assert first.parseoutcomes()["failed"] == 1
    assert first.ret == 1
    bench(source=source).assert_outcomes(passed=2, failed=2)
    again = bench("--lf", "-v")
    again.assert_outcomes(failed=2)


@pytest.mark.slow
def test_keywords_and_quiet_and_verbose(bench):
    source = "def test_one(modelbench):\n    pass\n\ndef test_two(modelbench):\n    pass\n"
    verbose = bench("-v", "-k", "one", source=source)
    verbose.assert_outcomes(passed=1, deselected=1)
    verbose.stdout.fnmatch_lines(["*round 1 of 1: 1 test", "test_it.py::test_one PASSED*"])
    quiet = bench("-q")
    quiet.stdout.fnmatch_lines(["..*"])
    quiet.stdout.no_fnmatch_line("*= modelbench =*")


def test_options_of_a_conftest_reach_the_worker(bench, pytester):
    pytester.makeconftest("def pytest_addoption(parser):\n    parser.addoption('--colour', default='none')\n")
    source = "def test_one(modelbench, pytestconfig):\n    assert pytestconfig.getoption('--colour') == 'blue'\n"
    bench("--colour=blue", source=source).assert_outcomes(passed=1)


def test_addopts_of_the_project_do_not_reach_the_worker(bench, pytester):
    pytester.makeini("[pytest]\naddopts = --junitxml=junit.xml -v --maxfail=3\n")
    bench(source="def test_one(modelbench):\n    pass\n").assert_outcomes(passed=1)
    assert len(ElementTree.parse(pytester.path / "junit.xml").getroot()[0]) == 1


@pytest.mark.slow
def test_output_goes_straight_to_the_terminal_when_asked(bench):
    result = bench("-s", apart=True, source="def test_one(modelbench):\n    print('live')\n")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*live*"])


def test_a_session_of_skips_alone_gates_nothing_and_says_so(bench):
    source = "import pytest\n\ndef test_one(modelbench):\n    pytest.skip('no')\n"
    result = bench(source=source)
    result.assert_outcomes(skipped=1)
    assert result.ret == 4
    result.stdout.fnmatch_lines(["NOTHING GATED: all 1 tests were skipped; run with -rs to see why"])


def test_a_collection_error_is_an_ordinary_one(bench):
    result = bench(source="import no_such_module\n")
    result.assert_outcomes(errors=1)
    assert result.ret == 2


@pytest.mark.slow
def test_ids_of_any_shape_are_measured_accepted_and_found_again(accept, bench, stored):
    source = r"""
import pytest

@pytest.mark.parametrize("text", ["a/b", "größe-模型", "[x]::y", "z" * 300, "sp ace", "tab\t", 'quo"te'])
def test_id(text, modelbench):
    modelbench.record("size", len(text))
"""
    accept(source=source)
    assert len(stored()["portable"]) == 7
    result = bench()
    result.assert_outcomes(passed=7)
    result.stdout.fnmatch_lines(["7 ok"])


@pytest.mark.slow
def test_inline_runs_in_this_process_and_judges_alike(accept, bench):
    source = "import os\n\ndef test_one(modelbench):\n    modelbench.record('answer', {})\n"
    accept(source=source.format(42))
    bench("--modelbench-inline").assert_outcomes(passed=1)
    result = bench("--modelbench-inline", source=source.format(43))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*answer regressed: 42 -> 43*"])
