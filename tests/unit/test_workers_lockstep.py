"""Two twins in lockstep, with fakes in place of processes: each is a script of what it asks and tells."""

from contextlib import contextmanager
from dataclasses import asdict
from itertools import cycle

import pytest

from pytest_modelbench.core.blocks import Amount
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.records import RATE, TIMING, UNHEALTHY, CheckKey, Record
from pytest_modelbench.workers.lockstep import run_pair
from pytest_modelbench.workers.pairs import PairRun, Timing, changes, disturbed
from pytest_modelbench.workers.rounds import TestRun

PLANNED, MOST = 3, 7
REPEATS = 2


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


def script(*tests, dies_in=None, raises_in=None, at=1, done=True, repeats=REPEATS):
    """A worker's course: ``tests`` are (name, cases, level, disturbed); ``level`` is what each sample takes, or yields.

    In the test ``dies_in`` or ``raises_in`` it ends, or fails, in place of handing over sample ``at`` of a timing.
    """
    for test, cases, level, *rest in tests:
        upsets = iter(rest[0] if rest else ())
        outcome = "passed"
        yield {"kind": "begin", "test": test}
        yield {"kind": "start", "test": test}
        for number, case in enumerate(cases):
            ready = {"kind": "ready", "test": test, "timing": number, "case": case}
            answer = yield {**ready, "amount": asdict(Amount(PLANNED, MOST, repeats))}
            taken, value = 0, level
            while answer == "sample":
                taken += 1
                if dies_in == test and taken == at:
                    return
                if raises_in == test and taken == at:
                    outcome = "failed"
                    break
                upset = next(upsets, False)
                value = level if isinstance(level, float) else next(level)
                answer = yield {"kind": "sample", "test": test, "level": value, "disturbed": upset}
            if outcome == "failed":
                break
            assert answer == "enough"
            for metric, details in (("latency", {}), ("throughput", {RATE: True})):
                record = Record(
                    test, f"{metric}_{case}", METRICS[metric], case, 1.0, value, details={TIMING: number, **details}
                )
                yield {"kind": "record", "record": record.to_json()}
        yield from reports(test, outcome)
        yield {"kind": "finish", "test": test, "strays": []}
    if done:
        yield {"kind": "done"}


def course(level, **fault):
    """A worker's course over whatever tests it is given, each with one timing."""
    return lambda tests: script(*((test, ["case"], level) for test in tests), **fault)


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


def pair(old, new, tests=("a", "b"), timeout_s=lambda test: 1.0):
    """What the pair told, and all that was said; ``old`` and ``new`` are scripts, or make one for the tests given."""
    log, listener = [], Listener()

    @contextmanager
    def launched(name, course, given):
        log.append((name, "".join(given)))
        yield Fake(name, course(given) if callable(course) else course, log)

    run_pair(
        tests,
        1,
        lambda given, _: launched("O", old, given),
        lambda given, _: launched("N", new, given),
        listener,
        timeout_s,
    )
    assert list(listener.pairs) == list(tests)
    return listener.pairs, log


def launches(log):
    """The tests that each new pair of processes was given."""
    words = {"go", "sample", "enough"}
    given = {name: [word for who, word in log if who == name and word not in words] for name in "ON"}
    assert given["O"] == given["N"]
    return given["N"]


def whole(run):
    """Whether the pair compares this test, in all its blocks."""
    return not run.obstacle and not run.new.trouble and len(run.timings[0].blocks) == PLANNED


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


@pytest.mark.parametrize(("theirs", "ours", "repeats"), [(REPEATS, REPEATS, REPEATS), (0, 5, 0), (5, 1, 1)])
def test_repeats_have_a_budget_which_is_the_smaller_of_both_sides(theirs, ours, repeats):
    old = script(("a", ["case"], 0.0, [True] * 99), repeats=theirs)
    pairs, log = pair(old, script(("a", ["case"], 0.1), repeats=ours), tests=["a"])
    assert len([1 for name, word in log if word == "sample"]) == 4 * (PLANNED + repeats)
    assert pairs["a"].timings[0].disturbed == PLANNED


def test_blocks_that_disagree_are_followed_by_more():
    levels = cycle([0.0, 0.0, 0.02, 0.02, 0.04, 0.04])
    pairs, _ = pair(script(("a", ["case"], 0.0)), script(("a", ["case"], levels)), tests=["a"])
    assert pairs["a"].timings[0].blocks == (0.0, 0.02, 0.04, 0.0, 0.02, 0.04, 0.0)


@pytest.mark.parametrize(("upset_blocks", "kept"), [(1, 0), (2, 1)])
def test_a_timing_most_of_whose_blocks_were_disturbed_is_counted(upset_blocks, kept):
    """It tells all the same: what disturbs falls on both sides alike."""
    calm = [False] * 2 * (PLANNED - upset_blocks)
    upset = [True] * 2 * (REPEATS + upset_blocks)
    pairs, _ = pair(script(("a", ["case"], 0.0, calm + upset)), script(("a", ["case"], 0.25)), tests=["a"])
    assert pairs["a"].timings[0].disturbed == upset_blocks
    for name, sign in (("latency_case", 1), ("throughput_case", -1)):
        key = CheckKey("a", name)
        assert changes(pairs.values(), key) == [sign * 0.25]
        assert disturbed(pairs.values(), key) == kept


def by_level(old_details=(), new_details=(), timings=(), obstacle=""):
    """A pair in which the phase of a training step took 0.5 there and 0.75 here, in log."""

    def side(level, details):
        record = Record("a", "forward", METRICS["forward_time"], "net", 1.0, level, details=dict(details))
        exact = Record("a", "macs", METRICS["macs"], "net", 3)
        return TestRun("a", 1, records=[record, exact])

    return PairRun("a", 1, side(0.5, old_details), side(0.75, new_details), dict(timings), obstacle)


UPSET = {UNHEALTHY: "3 of 4 blocks were disturbed"}


@pytest.mark.parametrize(
    ("run", "told", "kept"),
    [
        (by_level(), [0.25], 0),
        (by_level(old_details=UPSET), [], 1),
        (by_level(new_details=UPSET), [], 1),
        (by_level(new_details=UPSET, obstacle="it fails in the code compared with"), [], 0),
        (by_level(timings={0: Timing("net", (0.0,) * 3, disturbed=1)}), [0.25], 0),
        (by_level(timings={0: Timing("net", (0.0,) * 3, disturbed=2)}), [0.25], 1),
        (by_level(timings={0: Timing("other", (0.0,) * 3, disturbed=2)}), [0.25], 0),
    ],
)
def test_what_was_not_taken_in_turns_tells_nothing_if_either_side_was_disturbed(run, told, kept):
    assert changes([run], CheckKey("a", "forward")) == told
    assert disturbed([run], CheckKey("a", "forward")) == kept
    assert disturbed([run], CheckKey("a", "macs")) == 0


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


PLACES = [(at, where) for at in range(1, 2 * PLANNED + 1) for where in "abc"]
AFTER = {"a": ["abc", "bc"], "b": ["abc", "c"], "c": ["abc"]}


@pytest.mark.parametrize(("at", "where"), PLACES)
def test_an_old_twin_that_dies_costs_its_comparison_of_that_test_only(at, where):
    pairs, log = pair(course(0.0, dies_in=where, at=at), course(0.1), tests="abc")
    assert pairs[where].obstacle == "it does not get through in the code compared with: it died"
    assert not pairs[where].new.trouble
    assert [report["outcome"] for report in pairs[where].new.reports] == ["passed"] * 3
    assert changes(pairs.values(), CheckKey(where, "latency_case")) == []
    assert {test for test, run in pairs.items() if whole(run)} == set("abc") - {where}
    assert launches(log) == AFTER[where]


@pytest.mark.parametrize(("at", "where"), PLACES)
def test_a_new_twin_that_dies_is_the_trouble_of_that_test_only(at, where):
    pairs, log = pair(course(0.0), course(0.1, dies_in=where, at=at), tests="abc")
    assert pairs[where].new.trouble == "it died"
    assert [report["outcome"] for report in pairs[where].old.reports] == ["passed"] * 3
    assert {test for test, run in pairs.items() if whole(run)} == set("abc") - {where}
    assert launches(log) == AFTER[where]


@pytest.mark.parametrize(("at", "where"), PLACES)
def test_an_old_twin_that_raises_leaves_the_new_one_to_finish(at, where):
    pairs, log = pair(course(0.0, raises_in=where, at=at), course(0.1), tests="abc")
    assert pairs[where].obstacle == "it fails in the code compared with"
    assert [report["outcome"] for report in pairs[where].new.reports] == ["passed"] * 3
    assert {test for test, run in pairs.items() if whole(run)} == set("abc") - {where}
    assert launches(log) == ["abc"]


@pytest.mark.parametrize(("at", "where"), PLACES)
def test_a_new_twin_that_raises_leaves_the_old_one_to_finish(at, where):
    pairs, log = pair(course(0.0), course(0.1, raises_in=where, at=at), tests="abc")
    assert {report["outcome"] for report in pairs[where].new.reports} == {"failed"}
    assert {report["outcome"] for report in pairs[where].old.reports} == {"passed"}
    assert {test for test, run in pairs.items() if whole(run)} == set("abc") - {where}
    assert launches(log) == ["abc"]


def test_a_twin_that_dies_between_tests_costs_none():
    def parting(tests):
        return script((tests[0], ["case"], 0.1), done=False)

    pairs, log = pair(course(0.0), parting)
    assert all(map(whole, pairs.values()))
    assert launches(log) == ["ab", "b"]


def test_an_old_twin_that_cannot_start_is_tried_twice_and_then_the_new_one_goes_on_alone():
    pairs, log = pair(lambda tests: script(done=False), course(0.1))
    assert launches(log) == ["ab", "ab"]
    for run in pairs.values():
        assert run.obstacle == "the process with the code compared with is gone: it died"
        assert [report["outcome"] for report in run.new.reports] == ["passed"] * 3


def test_a_new_twin_that_cannot_start_is_tried_twice_and_then_fails_the_rest():
    pairs, log = pair(course(0.0), lambda tests: script(done=False))
    assert launches(log) == ["ab", "ab"]
    assert {run.new.trouble for run in pairs.values()} == {"No worker process could start. it died"}


def test_a_start_that_fails_once_is_chance():
    starts = iter([script(done=False), script(("a", ["case"], 0.1), ("b", ["case"], 0.1))])
    pairs, log = pair(course(0.0), lambda tests: next(starts))
    assert launches(log) == ["ab", "ab"]
    assert all(map(whole, pairs.values()))


@pytest.mark.parametrize("ends", ["old", "new"])
@pytest.mark.parametrize(("left_s", "started"), [(0.0, ["abc"]), (1.0, ["abc", "c"])])
def test_no_pair_is_started_once_the_budget_is_over_and_what_was_cut_short_says_so(ends, left_s, started):
    faults = {"old": {}, "new": {}, ends: {"dies_in": "b", "at": 3}}
    pairs, log = pair(
        course(0.0, **faults["old"]), course(0.1, **faults["new"]), tests="abc", timeout_s=lambda test: left_s
    )
    over = not left_s
    assert launches(log) == started
    assert whole(pairs["a"])
    assert not pairs["a"].new.cut
    assert getattr(pairs["b"], ends).cut == over
    assert pairs["c"].new.cut == over
    assert ("--modelbench-budget" in pairs["c"].new.trouble) == over


def test_a_test_that_was_never_run_is_in_trouble():
    pairs, log = pair(course(0.0), script(("b", ["case"], 0.1)))
    assert pairs["a"].new.trouble == "The worker process did not find this test, though it was collected."
    assert whole(pairs["b"])
    assert launches(log) == ["ab"]


def test_a_test_that_fails_in_the_old_code_compares_nothing():
    def failing():
        yield {"kind": "begin", "test": "a"}
        yield from reports("a", "failed")
        yield {"kind": "finish", "test": "a", "strays": []}
        yield {"kind": "done"}

    pairs, _ = pair(failing(), script(("a", [], 0.0)), tests=["a"])
    assert pairs["a"].obstacle == "it fails in the code compared with"


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
