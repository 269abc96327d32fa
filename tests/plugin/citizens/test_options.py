"""Options of a project's own: a worker has the values that were asked for, or the session is refused."""

import pytest

CONFTEST = """
import datetime, enum, pathlib

class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"

def pytest_addoption(parser):
    parser.addoption("--where", type=pathlib.Path)
    parser.addoption("--paint", type=Color, default=Color.RED)
    parser.addoption("--labels", type=lambda text: frozenset(text.split(",")))
    parser.addoption("--day", type=datetime.date.fromisoformat)
    parser.addoption("--paths", type=pathlib.Path, action="append")
    parser.addoption("--numbered", type=lambda text: {1: text})
    parser.addoption("--pair", type=lambda text: tuple(text.split(",")))
    parser.addoption("--html-folder")
    parser.addoption("--cov-mode")
    parser.addoption("--made", type=lambda text: (lambda: text))
"""

ASKED = """
import datetime, pathlib

def test_asked(request, modelbench):
    option = request.config.option
    assert option.where == pathlib.Path("a/b")
    assert option.paint.name == "BLUE"
    assert option.labels == frozenset({"x", "y"})
    assert option.day == datetime.date(2020, 2, 2)
    assert option.paths == [pathlib.Path("p"), pathlib.Path("q")]
    assert option.numbered == {1: "one"}
    assert option.pair == ("l", "r")
    assert (option.html_folder, option.cov_mode) == ("h", "c")
    modelbench.record("answer", 1)
"""

ALL = [
    "--where=a/b", "--paint=blue", "--labels=x,y", "--day=2020-02-02", "--paths=p", "--paths=q", "--numbered=one",
    "--pair=l,r", "--html-folder=h", "--cov-mode=c",
]  # fmt: skip


@pytest.mark.parametrize("mode", ["prepend", "importlib"])
def test_values_of_any_type_arrive(bench, pytester, mode):
    pytester.makeconftest(CONFTEST)
    bench(*ALL, f"--import-mode={mode}", source=ASKED).assert_outcomes(passed=1)


def test_a_value_that_cannot_be_handed_over_is_refused_by_name(bench, pytester):
    pytester.makeconftest(CONFTEST)
    result = bench("--made=x", source="def test_one(modelbench):\n    modelbench.record('answer', 1)\n")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*the value of the option 'made', a function, cannot be handed over to worker proc*"])


def test_what_a_plugin_puts_among_the_options_itself_is_its_own_business(bench, pytester):
    pytester.makeconftest("def pytest_configure(config):\n    config.option.server = lambda: 1\n")
    source = "def test_one(request, modelbench):\n    modelbench.record('answer', request.config.option.server())\n"
    bench(source=source).assert_outcomes(passed=1)
