"""Which tests run, and which words on the command line are refused."""

from fnmatch import fnmatch

import pytest

TWO_SUITES = """
import pytest

@pytest.mark.modelbench(suite="quick")
def test_quick(modelbench):
    modelbench.record("answer", 42)

@pytest.mark.modelbench(suite=["nightly", "weekly"])
def test_nightly(modelbench):
    modelbench.record("answer", 43)

def test_no_suite(modelbench):
    modelbench.record("answer", 44)

def test_ordinary():
    pass
"""


def names(result):
    return sorted(line.split("::")[1] for line in result.outlines if line.startswith("test_it.py::"))


def test_without_the_option_benchmark_tests_are_deselected_and_one_line_says_so(pytester):
    pytester.makepyfile(test_it=TWO_SUITES)
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1, deselected=3)
    result.stdout.fnmatch_lines(["modelbench: 3 benchmark tests deselected; run them with --modelbench"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("selected", "count", "status"), [("test", "3 benchmark tests", 0), ("quick", "1 benchmark test", 5)]
)
def test_where_workers_collect_it_is_said_once_at_the_end(pytester, selected, count, status):
    pytester.makepyfile(test_it=TWO_SUITES)
    result = pytester.runpytest_subprocess("-n", "2", "-k", selected)
    assert result.ret == status
    line = f"modelbench: {count} deselected; run them with --modelbench"
    assert result.outlines.count(line) == 1


@pytest.mark.parametrize(
    ("suite", "expected"),
    [
        ([], ["test_no_suite", "test_quick"]),
        (["--modelbench-suite=weekly"], ["test_nightly", "test_no_suite"]),
        (["--modelbench-suite=all"], ["test_nightly", "test_no_suite", "test_quick"]),
        (["--modelbench-suite=quick,nightly"], ["test_nightly", "test_no_suite", "test_quick"]),
    ],
)
def test_suites_select(bench, suite, expected):
    result = bench("--collect-only", "-q", *suite, source=TWO_SUITES)
    assert names(result) == expected
    assert result.ret == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--modelbench-suite=nigtly"],
            "*no test is in suite 'nigtly'. Did you mean 'nightly'*Known are: nightly, quick*",
        ),
        (["-k", "nothing"], "*no benchmark test was selected*"),
        (["--modelbench-rounds=5,3"], "*--modelbench-rounds: '5,3' does not rise*"),
        (["--modelbench-passes=3"], "*--modelbench-passes is called --modelbench-rounds now: *--modelbench-rounds=3*"),
        (["--modelbench-threads=none"], "*--modelbench-threads: 'none' is not a whole number*"),
        (["--modelbench-timeout=soon"], "*--modelbench-timeout: 'soon' is not a duration*"),
        (["--modelbench-missing=maybe"], "*--modelbench-missing: 'maybe' is neither pass nor fail*"),
        (["--pdb"], "*add --modelbench-inline*"),
        (["-n2"], "*without -n*"),
        (["--modelbench-inline", "--update-baselines"], "*too few for a baseline*"),
        # Torch has to be asked.
        pytest.param(["--device=gpu9"], "*gpu9*", marks=pytest.mark.slow),
        pytest.param(["--device=cuda:77"], "*cuda*", marks=pytest.mark.slow),
    ],
)
def test_a_session_that_makes_no_sense_is_a_usage_error(bench, arguments, says):
    result = bench(*arguments, source=TWO_SUITES, rounds=None)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    lines = [*result.outlines, *result.errlines]
    assert any(fnmatch(line, says) for line in lines), "\n".join(lines)
    assert "Traceback" not in "\n".join(lines)


@pytest.mark.parametrize("flag", ["--update-baselines", "--modelbench-inline"])
def test_flags_that_need_the_option_say_so(pytester, flag):
    result = pytester.runpytest_inprocess(flag)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{flag} needs --modelbench*"])


@pytest.mark.parametrize(
    ("mark", "says"),
    [
        (
            "suit='quick'",
            "*test_it.py::test_one: @pytest.mark.modelbench has no argument 'suit'. Did you mean 'suite'?*",
        ),
        ("'quick'", "*takes named arguments only*"),
        ("suite=1", "*suite=1 is not a name*"),
        ("band='-3%'", "*band '-3%' is negative*"),
        ("band={'latency': 'wide'}", "*band.latency: band 'wide' cannot be read*"),
        ("timeout='long'", "*timeout: 'long' is not a duration*"),
        ("timeout=True", "*timeout=True is not a duration*"),
    ],
)
def test_a_marker_argument_that_makes_no_sense_names_the_test(bench, mark, says):
    source = f"import pytest\n\n@pytest.mark.modelbench({mark})\ndef test_one(modelbench):\n    pass\n"
    result = bench(source=source)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([says])


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("bnads = {latency = '5%'}", "*pyproject.toml: *no setting 'bnads'. Did you mean 'bands'?*"),
        ("threads = 'two'", "*pyproject.toml: *threads: 'two' is not a whole number*"),
        ("bands = {latency = '5 parsec'}", "*bands.latency: band '5 parsec' has 'parsec', but the metric is in 's'*"),
        ("threads =", "*pyproject.toml: *"),
    ],
)
def test_a_setting_that_makes_no_sense_names_the_file(bench, pytester, table, says):
    pytester.makepyprojecttoml(f"[tool.modelbench]\n{table}\n")
    result = bench(source=TWO_SUITES)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([says])


def test_a_device_option_of_somebody_else_is_left_to_them(pytester):
    """pytest-playwright and many a conftest have ``--device``; two of them would crash pytest."""
    pytester.makeconftest("def pytest_addoption(parser):\n    parser.addoption('--device', default='theirs')\n")
    pytester.makepyfile("def test_it(pytestconfig):\n    assert pytestconfig.getoption('--device') == 'iPhone'\n")
    pytester.runpytest_inprocess("--device=iPhone").assert_outcomes(passed=1)
    result = pytester.runpytest_inprocess("--help")
    result.stdout.fnmatch_lines(["*--modelbench-device=DEVICE*"])


def test_help_groups_the_options_under_one_heading(pytester):
    result = pytester.runpytest_inprocess("--help")
    text = result.stdout.str()
    heading = text.index("modelbench: compare latency, memory, cost and accuracy of models with baselines")
    section = text[heading : text.index("\n\n", heading)]
    for option in ("--modelbench ", "--update-baselines", "--device", "--modelbench-suite", "--modelbench-json"):
        assert option in section, option


def test_the_marker_is_registered(pytester):
    pytester.runpytest_inprocess("--markers").stdout.fnmatch_lines(["@pytest.mark.modelbench(suite=*"])
