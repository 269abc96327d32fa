"""Workers start whatever a project is configured to, and look like workers from their first hook on."""

import pytest

ONE = "def test_one(modelbench):\n    modelbench.record('answer', 1)\n    assert [1, 2] == [1, 2]\n"
FAILING = "def test_one(modelbench):\n    modelbench.record('answer', 1)\n    assert [1, 2] == [1, 3]\n"


@pytest.mark.parametrize("arguments", [["-W", "error"], ["-o", "filterwarnings=error"]])
def test_warnings_that_are_errors(bench, arguments):
    bench(*arguments, source=ONE).assert_outcomes(passed=1)


@pytest.mark.parametrize("module", ["queue", "random", "types", "string", "selectors"])
def test_a_file_beside_the_tests_that_is_named_like_one_of_pythons(bench, pytester, module):
    folder = pytester.mkdir("tests")
    (folder / "test_it.py").write_text(ONE)
    (pytester.path / f"{module}.py").write_text("raise ImportError('not the one that was meant')\n")
    bench("--import-mode=importlib", "tests").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["-p", "no:debugging"],
        ["-p", "no:capture"],
        ["-p", "no:logging"],
        ["-p", "no:junitxml"],
        ["-p", "no:cacheprovider"],
        ["-p", "no:xdist"],
        ["-o", "log_cli=true"],
        ["--color=yes"],
    ],
    ids=" ".join,
)
def test_less_or_more_of_pytest_than_usual(bench, arguments):
    result = bench(*arguments, source=FAILING)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "[1, 2] == [1, 3]" in result.stdout.str().replace("\x1b[0m", "").replace("\x1b[1m\x1b[31m", "")


@pytest.mark.slow
def test_without_a_terminal_the_exit_status_tells(bench):
    assert bench("-p", "no:terminal", source=FAILING, apart=True).ret == pytest.ExitCode.TESTS_FAILED
    assert bench("-p", "no:terminal", source=ONE, apart=True).ret == pytest.ExitCode.OK


@pytest.mark.slow
def test_without_plugins_that_load_by_themselves(bench, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    bench("-p", "pytest_modelbench.plugin", source=ONE, apart=True).assert_outcomes(passed=1)


def test_what_is_done_once_a_session_is_not_done_in_workers(bench, pytester):
    pytester.makeconftest(
        """
        import os, pathlib
        import pytest_modelbench

        def pytest_load_initial_conftests(early_config):
            log(early_config)

        def pytest_configure(config):
            log(config)

        def log(config):
            worker = hasattr(config, "workerinput")
            assert worker == pytest_modelbench.is_worker()
            with pathlib.Path("log").open("a") as file:
                file.write(f"{config.workerinput['workerid']}\\n" if worker else "controller\\n")
        """
    )
    bench(source=ONE, rounds="2").assert_outcomes(passed=1)
    assert (pytester.path / "log").read_text().split() == ["controller", "modelbench"]


HANDING = """
class Hooks:
    def pytest_configure_node(self, node):
        node.workerinput["port"] = 4321

class Failing:
    def pytest_configure_node(self, node):
        node.workerinput["address"] = node.gateway.remote_address

def pytest_addoption(parser):
    parser.addoption("--seed", type=int, default=1)

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.option.seed = 77
        if config.pluginmanager.hasplugin("xdist"):
            config.pluginmanager.register(Failing())
            config.pluginmanager.register(Hooks())
    else:
        config.given = config.workerinput.get("port"), config.workerinput["seed"], config.workerinput.get("nothing")
"""
GIVEN = """
def test_one(modelbench, request):
    assert request.config.given == ({port}, 77, None)
    modelbench.record("answer", 1)
"""


@pytest.mark.parametrize(("arguments", "port"), [([], 4321), (["-p", "no:xdist"], None)])
def test_what_plugins_hand_to_xdists_workers_arrives_and_without_xdist_what_options_say(
    bench, pytester, arguments, port
):
    pytest.importorskip("xdist")
    pytester.makeconftest(HANDING)
    bench(*arguments, source=GIVEN.format(port=port)).assert_outcomes(passed=1)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [[], ["-p", "no:xdist"]])
def test_pytest_randomly(bench, beside, pytester, results, arguments):
    """It looks in each worker for the seed that it has handed to it."""
    beside("pytest-randomly")
    source = "def test_one(modelbench, request):\n    modelbench.record('seed', request.config.option.randomly_seed)\n"
    bench("--randomly-seed=77", "--modelbench-json=results.json", *arguments, source=source).assert_outcomes(passed=1)
    assert results() == {"seed": 77}


def test_xdists_fixtures_are_there_without_it(bench):
    pytest.importorskip("xdist")
    source = "def test_one(worker_id, testrun_uid, modelbench):\n    modelbench.record('answer', len(worker_id))\n"
    bench(source=source).assert_outcomes(passed=1)


def test_values_that_json_has_not_become_their_text_and_the_measurement_stays(bench, pytester, results):
    pytester.makeconftest(
        """
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_makereport(item):
            report = yield
            report.kept = {("a", 1): {1, 2}}
            return report
        """
    )
    source = """
import pathlib

class Odd:
    def __str__(self):
        raise ValueError

def test_one(modelbench, record_property):
    modelbench.record("answer", 42)
    for name, value in {"path": pathlib.Path("x"), "nan": float("nan"), "odd": Odd(), "bytes": b"b"}.items():
        record_property(name, value)
"""
    result = bench(
        "--modelbench-json=results.json", "--junit-xml=junit.xml", "-o", "junit_family=xunit1", source=source
    )
    result.assert_outcomes(passed=1, warnings=2)
    result.stdout.fnmatch_lines(["*no JSON value, and its text is kept: *PosixPath, a float that is not finite, *Odd*"])
    assert results() == {"answer": 42}
    xml = (pytester.path / "junit.xml").read_text()
    assert '<property name="path" value="x" />' in xml
    assert '<property name="nan" value="nan" />' in xml
