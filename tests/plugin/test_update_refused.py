"""An update that cannot accept everything: what is refused is told once, costs nothing else, and is not lost."""

import json
import re
from pathlib import Path

import pytest

#: A machine on which every time is disturbed, as each worker finds.
BUSY = """
from dataclasses import replace

def pytest_configure(config):
    if not hasattr(config, "_modelbench_worker"):
        return
    from pytest_modelbench.bench.process import Bench
    from pytest_modelbench.core.measurement import Quality

    record = Bench.record

    def disturbed(self, measurement):
        quality = Quality("4 of 4 blocks were disturbed: the neighbours were loud", blocks=4)
        record(self, replace(measurement, quality=quality) if measurement.metric.noisy else measurement)

    Bench.record = disturbed
"""
MIXED = """
import pytest

@pytest.mark.parametrize("which", "abc")
def test_lap(modelbench, which):
    modelbench.record("lap", 1.0, unit="s", scope="device", noisy=True)

def test_lag(modelbench):
    modelbench.record("lag", 0.0, unit="s")

def test_answer(modelbench):
    modelbench.record("answer", 42)
"""


@pytest.mark.slow
def test_a_value_that_each_process_has_another_of_is_not_accepted_as_exact(bench, pytester, stored):
    record = "def test_{name}(modelbench):\n    import os\n    modelbench.record('answer', {value})\n"
    source = record.format(name="pid", value="os.getpid()") + record.format(name="fine", value="1")
    result = bench("--update-baselines", source=source)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "NOT ACCEPTED: 1 check of 1 test: it should be the same in every process, but is not (answer * and *); the "
            "forward pass draws at random, or the test sets a seed of its own: seed what draws, or record it as noisy*",
            "*test_it.py::test_pid answer",
        ]
    )
    assert list(stored()["portable"]) == ["test_it.py::test_fine"]


@pytest.mark.slow
@pytest.mark.parametrize("verbosity", [(), ("-q",)])
def test_an_update_says_once_what_it_refuses_keeps_the_rest_and_exits_with_1(
    bench, pytester, stored, monkeypatch, verbosity
):
    monkeypatch.setattr("tempfile.tempdir", str(pytester.mkdir("kept")))
    pytester.makeconftest(BUSY)
    result = bench("--update-baselines", *verbosity, source=MIXED)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*1 passed, 4 inconclusive*"])
    output = result.stdout.str()
    assert output.count("the machine was disturbed while it was measured") == 1
    assert output.count("what was measured cannot be a baseline") == 1
    assert output.count("NOT ACCEPTED: 3 checks of 3 tests: the machine was disturbed") == 1
    assert output.count("NOT ACCEPTED: 1 check of 1 test: what was measured cannot be a baseline") == 1
    assert stored() == {"portable": {"test_it.py::test_answer": stored()["portable"]["test_it.py::test_answer"]}}

    (kept,) = re.findall("^results written to (.*)$", output, re.MULTILINE)
    session = json.loads(Path(kept).read_text())["session"]
    counts = {"::".join(check["key"]): len(check["measurements"]) for check in session["checks"]}
    # It gave up after two rounds.
    assert counts == {
        **{f"test_it.py::test_lap[{which}]::lap": 2 for which in "abc"},
        "test_it.py::test_lag::lag": 2,
        "test_it.py::test_answer::answer": 2,
    }


@pytest.mark.slow
def test_a_disturbed_machine_is_accepted_where_that_is_asked_for_and_compared_with_by_a_wider_band(
    bench, pytester, stored
):
    pytester.makeconftest(BUSY)
    pytester.makepyprojecttoml("[tool.modelbench]\nupdate-rounds = 3\n")
    lap = "    modelbench.record('lap', {}, unit='s', scope='device', noisy=True)\n"
    source = "def test_lap(modelbench):\n" + lap
    result = bench("--update-baselines", "--modelbench-even-if-disturbed", source=source.format(1.0))
    assert result.ret == 0
    result.stdout.fnmatch_lines(["baselines: 1 new"])
    (entries,) = stored().values()
    (processes,) = entries["test_it.py::test_lap"]["lap"]["sessions"].values()
    assert (len(processes["values"]), processes["disturbed"]) == (3, 3)
    assert bench(rounds="2").ret == 0
    result = bench(rounds="2", source=source.format(1.5))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*the baseline was accepted on a disturbed machine (3 processes disturbed, *"])


def test_what_is_about_accepting_needs_an_update(bench, pytester):
    result = bench("--modelbench-even-if-disturbed", source=MIXED)
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--modelbench-even-if-disturbed needs --update-baselines*"])
    result = pytester.runpytest_inprocess("--modelbench-even-if-disturbed")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--modelbench-even-if-disturbed needs --modelbench*"])
