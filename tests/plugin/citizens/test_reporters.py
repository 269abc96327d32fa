"""Who writes down how tests ended: the gate's word, once a test; who counts in the wrong process stands aside."""

import json

import pytest

GATED = """
import pytest

@pytest.mark.parametrize("n", [1, 2])
def test_answer(modelbench, n):
    modelbench.record("answer", {answer} if n == 2 else 1)
"""


@pytest.mark.slow
def test_allure_writes_the_gates_outcome_once_a_test(bench, pytester, accept, beside):
    beside("allure-pytest")
    accept(source=GATED.format(answer=1))
    result = bench("--alluredir=allure", source=GATED.format(answer=7), rounds="2")
    result.assert_outcomes(passed=1, failed=1)
    found = [json.loads(path.read_text()) for path in (pytester.path / "allure").glob("*-result.json")]
    assert sorted((one["name"], one["status"]) for one in found) == [
        ("test_answer[1]", "passed"), ("test_answer[2]", "failed"),
    ]  # fmt: skip
    (failed,) = [one for one in found if one["status"] == "failed"]
    assert "answer regressed" in failed["statusDetails"]["message"]


def test_the_protocol_of_each_test_is_run_in_the_controller_for_editors(bench, pytester):
    pytester.makeconftest(
        """
        import pathlib
        import pytest
        import pytest_modelbench

        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_runtest_protocol(item):
            if not pytest_modelbench.is_worker():
                with pathlib.Path("seen").open("a") as file:
                    file.write(f"{item.nodeid}\\n")
            return (yield)
        """
    )
    bench(source=GATED.format(answer=1), rounds="2").assert_outcomes(passed=2)
    assert sorted((pytester.path / "seen").read_text().split()) == [
        "test_it.py::test_answer[1]", "test_it.py::test_answer[2]",
    ]  # fmt: skip


SNAPSHOTS = """
def test_benchmark(modelbench, snapshot):
    modelbench.record("answer", 1)
    assert {"a": 1} == snapshot

def test_ordinary(snapshot):
    assert {"a": 2} == snapshot
"""


@pytest.mark.slow
def test_syrupy_compares_and_neither_updates_nor_deletes(bench, pytester, beside):
    beside("syrupy")
    pytester.makepyfile(test_it=SNAPSHOTS)
    plain = pytester.runpytest_subprocess("--snapshot-update")
    plain.assert_outcomes(passed=1, deselected=1)
    snapshots = pytester.path / "__snapshots__" / "test_it.ambr"
    before = snapshots.read_text()
    result = bench("--snapshot-update", apart=True)
    result.assert_outcomes(failed=1, deselected=1)  # there is no snapshot of it, and none is made
    result.stdout.fnmatch_lines(["modelbench: syrupy stands aside: snapshots are compared, and none is updated*"])
    assert snapshots.read_text() == before
    snapshots.write_text(before.replace("test_ordinary", "test_benchmark").replace("2", "1"))
    bench(apart=True).assert_outcomes(passed=1, deselected=1)


@pytest.mark.slow
def test_coverage_does_not_fail_a_gate(bench, beside):
    beside("pytest-cov")
    result = bench("--cov=.", "--cov-fail-under=90", source=GATED.format(answer=1), apart=True)
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["modelbench: pytest-cov stands aside, as measuring lines would change what is timed*"])


def test_pytest_benchmarks_files_are_not_promised(bench):
    result = bench("--benchmark-json=file.json", source=GATED.format(answer=1))
    result.stdout.fnmatch_lines(["modelbench: --benchmark-json: nothing is written there*--modelbench-save-benchmark*"])


def test_junits_file_has_what_tests_and_fixtures_say(bench, pytester):
    source = """
def test_one(modelbench, record_testsuite_property, record_xml_attribute):
    record_testsuite_property("machine", "mine")
    record_xml_attribute("owner", "me")
    modelbench.record("answer", 1)
"""
    bench("--junit-xml=junit.xml", "-o", "junit_family=xunit1", source=source, rounds="2").assert_outcomes(passed=1)
    xml = (pytester.path / "junit.xml").read_text()
    assert xml.count('<property name="machine" value="mine" />') == 1
    assert ' owner="me"' in xml


@pytest.mark.parametrize("by", ["option", "file"])
def test_the_log_file_has_what_workers_log(bench, pytester, by):
    (pytester.path / "log.txt").write_text("of yesterday")
    source = """
import logging

def test_one(modelbench):
    logging.getLogger("mine").warning("hot")
    modelbench.record("answer", 1)
"""
    if by == "file":
        pytester.makeini("[pytest]\nlog_file = log.txt\n")
    bench(*(["--log-file=log.txt"] if by == "option" else []), source=source).assert_outcomes(passed=1)
    logged = (pytester.path / "log.txt").read_text()
    assert "hot" in logged
    assert "yesterday" not in logged


BARE = """
import pytest

@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session):
    "As a plugin that replaces pytest's reporter: what is there writes lines, and has no terminal."
    session.config.bare = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.bare is not None:
        session.config.pluginmanager.unregister(session.config.bare)
        session.config.pluginmanager.register(object(), "terminalreporter")

def pytest_sessionfinish(session):
    if session.config.bare is not None:
        session.config.pluginmanager.unregister(name="terminalreporter")
        session.config.pluginmanager.register(session.config.bare, "terminalreporter")

def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.get_plugin("modelbench-session").pytest_terminal_summary(object())
"""


def test_a_reporter_in_the_place_of_pytests_gets_the_verdicts(bench, accept, pytester):
    accept(source="def test_one(modelbench):\n    modelbench.record('answer', 1)\n")
    pytester.makeconftest(BARE)
    result = bench(source="def test_one(modelbench):\n    modelbench.record('answer', 2)\n")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "1 regressed" in result.outlines


RETRY = """
class Retry:
    def pytest_runtest_setup(self, item):
        assert not hasattr(item.config, "workerinput")

def pytest_configure(config):
    config.pluginmanager.register(Retry(), "pytest-retry")
    if config.pluginmanager.has_plugin("pytest-retry"):
        config.addinivalue_line("markers", "flaky: run again")
"""


def test_pytest_retry_stands_aside_in_workers(bench, pytester):
    pytester.makeconftest(RETRY)
    source = "import pytest\n\n@pytest.mark.flaky\ndef test_one(modelbench):\n    modelbench.record('answer', 1)\n"
    result = bench("--strict-markers", source=source)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["modelbench: pytest-retry stands aside: a test that fails is not repeated*"])
