"""Two twins in lockstep, with fakes in place of processes: each is a script of what it asks and tells."""

import math
from contextlib import contextmanager

import pytest

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.records import RATE, TIMING, CheckKey, Record
from pytest_modelbench.runner.duet import REPEAT_BUDGET, changes, run_pair

PLANNED = 3


def reports(test, outcome="passed"):
    for when in ("setup", "call", "teardown"):
        yield {"kind": "report", "test": test, "report": {"when": when, "outcome": outcome, "duration": 0.1}}


class Fake:
    """A twin: ``script`` is a generator of messages, which is sent the controller's answers."""

    def __init__(self, name, script, log):
        self.name, self.log = name, log
        self._script = script
        self._answer = None
        self.running = True

    def messages(self, timeout_s):
        try:
            message = next(self._script)
            while True:
                assert self.running, f"{self.name} runs while it is stopped"
                yield message
                message = self._script.send(self._answer)
        except StopIteration:
            return

    def answer(self, word):
        self._answer = word
        self.log.append((self.name, word))

    def pause(self):
        self.running = False

    def resume(self):
        self.running = True

    def wait(self):
        return 0

    def death(self):
        return "it died"


def script(*tests, dies_in=None, done=True):
    """A worker's course: ``tests`` are (name, cases, level, disturbed) with ``level`` what each sample takes."""
    for test, cases, level, *rest in tests:
        disturbed = iter(rest[0] if rest else ())
        yield {"kind": "begin", "test": test}
        yield {"kind": "start", "test": test}
        for number, case in enumerate(cases):
            answer = yield {"kind": "ready", "test": test, "timing": number, "case": case, "blocks": PLANNED}
            while answer == "sample":
                if dies_in == test:
                    return
                upset = next(disturbed, False)
                answer = yield {"kind": "sample", "test": test, "level": level, "disturbed": upset}
            for metric, details in (("latency", {}), ("throughput", {RATE: True})):
                record = Record(
                    test, f"{metric}_{case}", METRICS[metric], case, 1.0, level, details={TIMING: number, **details}
                )
                yield {"kind": "record", "record": record.to_json()}
        yield from reports(test)
        yield {"kind": "finish", "test": test, "strays": []}
    if done:
        yield {"kind": "done"}


class Listener:
    def __init__(self):
        self.pairs = {}

    def environment_known(self, environment):
        raise AssertionError("no hello in these scripts")

    twin_environment_known = environment_known

    def test_started(self, test):
        pass

    def pair_ended(self, run):
        assert run.test not in self.pairs
        self.pairs[run.test] = run

    def warning(self, message):
        pass


def pair(old, new, tests=("a", "b")):
    log, listener = [], Listener()

    @contextmanager
    def launched(name, course):
        yield Fake(name, course, log)

    run_pair(tests, 1, lambda *_: launched("O", old), lambda *_: launched("N", new), listener, lambda test: 1.0)
    return listener.pairs, log


def test_samples_are_taken_in_the_order_old_new_new_old():
    pairs, log = pair(script(("a", ["case"], 0.0)), script(("a", ["case"], 0.25)), tests=["a"])
    samples = "".join(name for name, word in log if word == "sample")
    assert samples == "ONNO" * PLANNED
    run = pairs["a"]
    assert run.timings[0].blocks == (0.25,) * PLANNED
    assert not run.obstacle
    assert [report["when"] for report in run.new.reports] == ["setup", "call", "teardown"]


def test_a_change_is_told_in_each_metrics_own_direction():
    pairs, _ = pair(script(("a", ["case"], 0.0)), script(("a", ["case"], 0.25)), tests=["a"])
    assert changes(pairs.values(), CheckKey("a", "latency_case")) == [0.25]
    assert changes(pairs.values(), CheckKey("a", "throughput_case")) == [-0.25]


def test_what_was_not_timed_in_turns_is_compared_by_level():
    def course(level):
        yield {"kind": "begin", "test": "a"}
        yield {"kind": "record", "record": Record("a", "latency", METRICS["latency"], "x", 1.0, level).to_json()}
        yield from reports("a")
        yield {"kind": "finish", "test": "a", "strays": []}
        yield {"kind": "done"}

    pairs, _ = pair(course(0.5), course(0.75), tests=["a"])
    assert changes(pairs.values(), CheckKey("a", "latency")) == [0.25]


def test_a_block_disturbed_on_either_side_is_measured_again_whatever_its_ratio():
    pairs, log = pair(script(("a", ["case"], 0.0, [False, True])), script(("a", ["case"], 0.1)), tests=["a"])
    assert len([1 for name, word in log if word == "sample"]) == 4 * (PLANNED + 1)
    assert pairs["a"].timings[0].disturbed == 0


def test_repeats_have_a_budget():
    pairs, log = pair(script(("a", ["case"], 0.0, [True] * 99)), script(("a", ["case"], 0.1)), tests=["a"])
    blocks = PLANNED + math.floor(REPEAT_BUDGET * PLANNED)
    assert len([1 for name, word in log if word == "sample"]) == 4 * blocks
    assert pairs["a"].timings[0].disturbed == PLANNED


def test_another_case_is_not_the_same_workload():
    pairs, _ = pair(script(("a", ["one"], 0.0)), script(("a", ["two"], 0.1)), tests=["a"])
    assert pairs["a"].obstacle == "it measures another case: 'one' there, 'two' here"
    assert changes(pairs.values(), CheckKey("a", "latency_two")) == []


@pytest.mark.parametrize(("there", "here"), [([], ["case"]), (["case"], []), (["case"], ["case", "more"])])
def test_more_or_fewer_timings_are_not_the_same_workload(there, here):
    pairs, _ = pair(script(("a", there, 0.0)), script(("a", here, 0.1)), tests=["a"])
    assert pairs["a"].obstacle == "it does not measure the same on both sides"


def test_a_test_that_the_old_code_lacks_stops_no_other():
    pairs, _ = pair(script(("b", ["case"], 0.0)), script(("a", ["case"], 0.1), ("b", ["case"], 0.1)))
    assert pairs["a"].obstacle == "there is no such test in the code compared with"
    assert pairs["b"].timings[0].blocks == (0.1,) * PLANNED


def test_an_old_twin_that_dies_leaves_the_new_one_to_finish():
    old = script(("a", ["case"], 0.0), ("b", ["case"], 0.0), dies_in="a", done=False)
    pairs, _ = pair(old, script(("a", ["case"], 0.1), ("b", ["case"], 0.1)))
    assert "it died" in pairs["a"].obstacle
    assert "it died" in pairs["b"].obstacle
    assert pairs["b"].new is not None
    assert not pairs["b"].new.trouble
    assert changes(pairs.values(), CheckKey("a", "latency_case")) == []


def test_a_new_twin_that_dies_is_the_tests_own_trouble():
    new = script(("a", ["case"], 0.1), ("b", ["case"], 0.1), dies_in="a", done=False)
    pairs, _ = pair(script(("a", ["case"], 0.0), ("b", ["case"], 0.0)), new)
    assert pairs["a"].new.trouble == "it died"
    assert pairs["b"].new.trouble == "it died"


def test_a_test_that_fails_in_the_old_code_compares_nothing():
    def failing():
        yield {"kind": "begin", "test": "a"}
        yield from reports("a", "failed")
        yield {"kind": "finish", "test": "a", "strays": []}
        yield {"kind": "done"}

    pairs, _ = pair(failing(), script(("a", [], 0.0)), tests=["a"])
    assert pairs["a"].obstacle == "it is failed in the code compared with"


def test_a_module_that_the_old_code_cannot_import_is_named():
    def broken():
        yield {"kind": "broken", "where": "test_a.py", "text": "E   ImportError: no such thing\n"}
        yield {"kind": "done"}

    pairs, _ = pair(broken(), script(("a", ["case"], 0.0)), tests=["a"])
    assert "test_a.py cannot be imported: ImportError: no such thing" in pairs["a"].obstacle


def test_a_twin_that_imports_other_code_compares_nothing():
    def stray():
        yield {"kind": "begin", "test": "a"}
        yield from reports("a")
        yield {"kind": "finish", "test": "a", "strays": ["pkg from /elsewhere/pkg/__init__.py"]}
        yield {"kind": "done"}

    pairs, _ = pair(stray(), script(("a", [], 0.0)), tests=["a"])
    assert "imported pkg from /elsewhere/pkg/__init__.py" in pairs["a"].obstacle
    assert "pip install -e ." in pairs["a"].obstacle


def test_a_machine_on_which_nothing_can_be_measured_ends_the_session():
    def fatal():
        yield {"kind": "fatal", "message": "no such device"}

    with pytest.raises(UsageError, match="no such device"):
        pair(fatal(), script(("a", [], 0.0)), tests=["a"])
