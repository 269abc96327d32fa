"""Base and candidate in lockstep, with fakes in place of processes: each is a script of what it asks and tells."""

from contextlib import contextmanager
from functools import partial
from itertools import cycle
from types import SimpleNamespace

import pytest

from pytest_modelbench.core.blocks import Amount
from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.measurement import CheckKey, Measurement, Quality, RelativeTime
from pytest_modelbench.testing.worker import ENVIRONMENT, ScriptedWorker, reported
from pytest_modelbench.workers.events import (
    Begin,
    Done,
    Finished,
    Hello,
    Quiet,
    Ready,
    Recorded,
    Refused,
    Reported,
    Started,
    Taken,
    Unimportable,
    Warned,
)
from pytest_modelbench.workers.pairs import Sides, run_pair
from pytest_modelbench.workers.runs import PairedTiming, PairRun, TestRun, changes, disturbed

PLANNED, MOST = 3, 7
REPEATS = 2


def script(*tests, dies_in=None, raises_in=None, at=1, done=True, repeats=REPEATS):
    """A worker's course: ``tests`` are (name, cases, log_s, disturbed); ``log_s`` is what each sample takes, or yields.

    In the test ``dies_in`` or ``raises_in`` it ends, or fails, in place of handing over sample ``at`` of a timing.
    """
    for test, cases, log_s, *rest in tests:
        upsets = iter(rest[0] if rest else ())
        outcome = "passed"
        yield Begin(test)
        yield Started(test)
        for number, case in enumerate(cases):
            answer = yield Ready(test, number, case, Amount(PLANNED, MOST, repeats))
            taken, value = 0, log_s
            while answer == "sample":
                taken += 1
                if dies_in == test and taken == at:
                    return
                if raises_in == test and taken == at:
                    outcome = "failed"
                    break
                upset = next(upsets, False)
                value = log_s if isinstance(log_s, float) else next(log_s)
                answer = yield Taken(test, value, upset)
            if outcome == "failed":
                break
            assert answer == "enough"
            for metric, rate in (("latency", False), ("throughput", True)):
                timing = RelativeTime(value, turn=number, rate=rate)
                yield Recorded(
                    Measurement.of(metric, 1.0, NamedCase(case), f"{metric}_{case}", timing=timing, test=test)
                )
        yield from reported(test, outcome)
        yield Finished(test)
    if done:
        yield Done()


def untimed(*between, test="a", outcome="passed", strays=()):
    """A worker's course over one test that takes no samples."""
    return [Begin(test), Started(test), *between, *reported(test, outcome), Finished(test, strays), Done()]


def course(log_s, **fault):
    """A worker's course over whatever tests it is given, each with one timing."""
    return lambda tests: script(*((test, ["case"], log_s) for test in tests), **fault)


class Listener:
    def __init__(self):
        self.told = []

    def heard(self, event):
        self.told.append(
            event.environment.slug if isinstance(event, Hello)
            else event.text if isinstance(event, Warned)
            else f"{event.test} starts"
        )  # fmt: skip

    def test_ended(self, run):
        raise AssertionError("a pair tells by what it yields")


def pair(base, candidate, tests=("a", "b"), timeout_s=lambda test: 1.0, listener=None, alone=None, number=1):
    """What the pair told, and all that was said; either side is a script, or makes one for the tests given.

    ``alone`` makes the script of a side, by its name, that runs by itself.
    """
    log, runs = [], {}

    @contextmanager
    def launched(name, course, given, in_turns):
        log.append((name, "".join(given) if in_turns else "alone"))
        events = (course(given) if callable(course) else course) if in_turns else alone(name)
        yield ScriptedWorker(events, answered=lambda word: log.append((name, word)))

    sides = Sides(
        lambda given, _, in_turns: launched("B", base, given, in_turns),
        lambda given, _, in_turns: launched("C", candidate, given, in_turns),
    )
    for run in run_pair(tests, number, sides, listener or Listener(), timeout_s):
        assert run.test not in runs
        runs[run.test] = run
    assert sorted(runs) == sorted(tests)
    return runs, log


def launches(log):
    """The tests that each new pair of processes was given."""
    words = {"go", "sample", "enough"}
    given = {name: [word for who, word in log if who == name and word not in words] for name in "BC"}
    assert given["B"] == given["C"]
    return given["C"]


def complete(run):
    """Whether the pair compares this test, in all its blocks."""
    return not run.obstacle and not run.candidate.trouble and len(run.timings[0].blocks) == PLANNED


def outcomes(run):
    return [report["outcome"] for report in run.reports]


def test_samples_are_taken_in_the_order_base_candidate_candidate_base():
    pairs, log = pair(script(("a", ["case"], 0.0)), script(("a", ["case"], 0.25)), tests=["a"])
    samples = "".join(name for name, word in log if word == "sample")
    assert samples == "BCCB" * PLANNED
    run = pairs["a"]
    assert run.timings[0].blocks == (0.25,) * PLANNED
    assert not run.obstacle
    assert [report["when"] for report in run.candidate.reports] == ["setup", "call", "teardown"]


def test_a_change_is_told_in_each_metrics_own_direction():
    pairs, _ = pair(script(("a", ["case"], 0.0)), script(("a", ["case"], 0.25)), tests=["a"])
    assert changes(pairs.values(), CheckKey("a", "latency_case")) == [0.25]
    assert changes(pairs.values(), CheckKey("a", "throughput_case")) == [-0.25]


def test_what_was_not_timed_in_turns_is_compared_by_its_log_ratio():
    def course(log_ratio):
        return untimed(
            Recorded(Measurement.of("latency", 1.0, NamedCase("x"), timing=RelativeTime(log_ratio), test="a"))
        )

    pairs, _ = pair(course(0.5), course(0.75), tests=["a"])
    assert changes(pairs.values(), CheckKey("a", "latency")) == [0.25]


def test_a_block_disturbed_on_either_side_is_measured_again_whatever_its_ratio():
    pairs, log = pair(script(("a", ["case"], 0.0, [False, True])), script(("a", ["case"], 0.1)), tests=["a"])
    assert len([1 for name, word in log if word == "sample"]) == 4 * (PLANNED + 1)
    assert pairs["a"].timings[0].disturbed == 0


@pytest.mark.parametrize(("theirs", "ours", "repeats"), [(REPEATS, REPEATS, REPEATS), (0, 5, 0), (5, 1, 1)])
def test_repeats_have_a_budget_which_is_the_smaller_of_both_sides(theirs, ours, repeats):
    base = script(("a", ["case"], 0.0, [True] * 99), repeats=theirs)
    pairs, log = pair(base, script(("a", ["case"], 0.1), repeats=ours), tests=["a"])
    assert len([1 for name, word in log if word == "sample"]) == 4 * (PLANNED + repeats)
    assert pairs["a"].timings[0].disturbed == PLANNED


def test_blocks_that_disagree_are_followed_by_more():
    logs_s = cycle([0.0, 0.0, 0.02, 0.02, 0.04, 0.04])
    pairs, _ = pair(script(("a", ["case"], 0.0)), script(("a", ["case"], logs_s)), tests=["a"])
    assert pairs["a"].timings[0].blocks == (0.0, 0.02, 0.04, 0.0, 0.02, 0.04, 0.0)


@pytest.mark.parametrize(("upset_blocks", "kept"), [(1, 0), (2, 1)])
def test_a_timing_most_of_whose_blocks_were_disturbed_is_counted(upset_blocks, kept):
    """It tells all the same: what disturbs falls on both sides alike."""
    left_alone = [False] * 2 * (PLANNED - upset_blocks)
    upset = [True] * 2 * (REPEATS + upset_blocks)
    pairs, _ = pair(script(("a", ["case"], 0.0, left_alone + upset)), script(("a", ["case"], 0.25)), tests=["a"])
    assert pairs["a"].timings[0].disturbed == upset_blocks
    for name, sign in (("latency_case", 1), ("throughput_case", -1)):
        key = CheckKey("a", name)
        assert changes(pairs.values(), key) == [sign * 0.25]
        assert disturbed(pairs.values(), key) == kept


def apart(base_upset="", candidate_upset="", timings=(), obstacle=""):
    """A pair in which the phase of a training step took 0.5 there and 0.75 here, in log."""

    def side(log_ratio, upset):
        phase = Measurement.of(
            "forward_time",
            1.0,
            NamedCase("net"),
            "forward",
            timing=RelativeTime(log_ratio),
            quality=Quality(upset),
            test="a",
        )
        return TestRun("a", 1, measurements=[phase, Measurement.of("macs", 3, NamedCase("net"), test="a")])

    return PairRun("a", 1, side(0.5, base_upset), side(0.75, candidate_upset), dict(timings), obstacle)


UPSET = "3 of 4 blocks were disturbed"


@pytest.mark.parametrize(
    ("run", "told", "kept"),
    [
        (apart(), [0.25], 0),
        (apart(base_upset=UPSET), [], 1),
        (apart(candidate_upset=UPSET), [], 1),
        (apart(candidate_upset=UPSET, obstacle="it fails in the code compared with"), [], 0),
        (apart(timings={0: PairedTiming("net", (0.0,) * 3, disturbed=1)}), [0.25], 0),
        (apart(timings={0: PairedTiming("net", (0.0,) * 3, disturbed=2)}), [0.25], 1),
        (apart(timings={0: PairedTiming("other", (0.0,) * 3, disturbed=2)}), [0.25], 0),
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


def test_a_test_that_the_base_lacks_stops_no_other():
    pairs, _ = pair(script(("b", ["case"], 0.0)), script(("a", ["case"], 0.1), ("b", ["case"], 0.1)))
    assert pairs["a"].obstacle == NOT_THERE
    assert (pairs["a"].absent, pairs["b"].absent, pairs["a"].cut) == (True, False, False)
    assert pairs["b"].timings[0].blocks == (0.1,) * PLANNED


NOT_THERE = "there is no such test in the code compared with"
TEST = "tests/test_net.py::test_new"


@pytest.mark.parametrize(
    ("told", "absent", "why"),
    [
        ([Done()], True, ""),
        ([Unimportable("tests/test_other.py", "E  ImportError: x"), Done()], True, ""),
        ([Unimportable("tests/test_net.py", "E  ImportError: x"), Done()], False,
         ": tests/test_net.py cannot be imported: ImportError: x"),
        ([Unimportable("tests/__init__.py", "E  ImportError: x"), Done()], False,
         ": tests/__init__.py cannot be imported: ImportError: x"),
        ([Unimportable("tests", "E  ImportError: x"), Done()], False, ": tests cannot be imported: ImportError: x"),
        ([Unimportable("", "E  ImportError: x"), Done()], False, ":  cannot be imported: ImportError: x"),
        ([Unimportable("tests/test_net.py", "needs onnx", skipped=True), Done()], False,
         ": tests/test_net.py is skipped as a whole: needs onnx"),
        ([Done(stopped="maxfail")], False, ": its process stopped before this test: maxfail"),
        ([], False, None),
    ],
)  # fmt: skip
def test_what_is_new_is_told_from_what_is_broken(told, absent, why):
    pairs, _ = pair(lambda given: iter(told), script((TEST, [], 0.1)), tests=[TEST])
    assert pairs[TEST].absent is absent
    if why is None:
        assert pairs[TEST].obstacle == "the process with the code compared with is gone: it died"
    else:
        assert pairs[TEST].obstacle == NOT_THERE + why


def test_what_the_base_has_beside_what_is_new_is_told_of_the_same_file():
    others = ("tests/test_net.py::test_old", "tests/test_more.py::test_old")
    pairs, _ = pair(iter([Done(others=others)]), script((TEST, [], 0.1)), tests=[TEST])
    assert pairs[TEST].others == ("tests/test_net.py::test_old",)


PLACES = [(at, where) for at in range(1, 2 * PLANNED + 1) for where in "abc"]
AFTER = {"a": ["abc", "bc"], "b": ["abc", "c"], "c": ["abc"]}


@pytest.mark.parametrize(("at", "where"), PLACES)
def test_a_base_that_dies_costs_its_comparison_of_that_test_only(at, where):
    pairs, log = pair(course(0.0, dies_in=where, at=at), course(0.1), tests="abc")
    assert pairs[where].obstacle == "it does not get through in the code compared with: it died"
    assert not pairs[where].candidate.trouble
    assert outcomes(pairs[where].candidate) == ["passed"] * 3
    assert changes(pairs.values(), CheckKey(where, "latency_case")) == []
    assert {test for test, run in pairs.items() if complete(run)} == set("abc") - {where}
    assert launches(log) == AFTER[where]


@pytest.mark.parametrize(("at", "where"), PLACES)
def test_a_candidate_that_dies_is_the_trouble_of_that_test_only(at, where):
    pairs, log = pair(course(0.0), course(0.1, dies_in=where, at=at), tests="abc")
    assert pairs[where].candidate.trouble == "it died"
    assert outcomes(pairs[where].base) == ["passed"] * 3
    assert {test for test, run in pairs.items() if complete(run)} == set("abc") - {where}
    assert launches(log) == AFTER[where]


@pytest.mark.parametrize(("at", "where"), PLACES)
def test_a_base_that_raises_leaves_the_candidate_to_finish(at, where):
    pairs, log = pair(course(0.0, raises_in=where, at=at), course(0.1), tests="abc")
    assert pairs[where].obstacle == "it fails in the code compared with"
    assert outcomes(pairs[where].candidate) == ["passed"] * 3
    assert {test for test, run in pairs.items() if complete(run)} == set("abc") - {where}
    assert launches(log) == ["abc"]


@pytest.mark.parametrize(("at", "where"), PLACES)
def test_a_candidate_that_raises_leaves_the_base_to_finish(at, where):
    pairs, log = pair(course(0.0), course(0.1, raises_in=where, at=at), tests="abc")
    assert outcomes(pairs[where].candidate) == ["passed", "failed", "passed"]
    assert outcomes(pairs[where].base) == ["passed"] * 3
    assert {test for test, run in pairs.items() if complete(run)} == set("abc") - {where}
    assert launches(log) == ["abc"]


def test_a_process_that_dies_between_tests_costs_none():
    def parting(tests):
        return script((tests[0], ["case"], 0.1), done=False)

    pairs, log = pair(course(0.0), parting)
    assert all(map(complete, pairs.values()))
    assert launches(log) == ["ab", "b"]


def test_a_base_that_cannot_start_is_tried_twice_and_then_the_candidate_goes_on_alone():
    pairs, log = pair(lambda tests: script(done=False), course(0.1))
    assert launches(log) == ["ab", "ab"]
    for run in pairs.values():
        assert run.obstacle == "the process with the code compared with is gone: it died"
        assert outcomes(run.candidate) == ["passed"] * 3


def test_a_candidate_that_cannot_start_is_tried_twice_and_then_fails_the_rest():
    pairs, log = pair(course(0.0), lambda tests: script(done=False))
    assert launches(log) == ["ab", "ab"]
    assert {run.candidate.trouble for run in pairs.values()} == {"No worker process could start. it died"}


def test_a_start_that_fails_once_is_chance():
    starts = iter([script(done=False), script(("a", ["case"], 0.1), ("b", ["case"], 0.1))])
    pairs, log = pair(course(0.0), lambda tests: next(starts))
    assert launches(log) == ["ab", "ab"]
    assert all(map(complete, pairs.values()))


@pytest.mark.parametrize("ends", ["base", "candidate"])
@pytest.mark.parametrize(("left_s", "started"), [(0.0, ["abc"]), (1.0, ["abc", "c"])])
def test_no_pair_is_started_once_the_budget_is_over_and_what_was_cut_short_says_so(ends, left_s, started):
    faults = {"base": {}, "candidate": {}, ends: {"dies_in": "b", "at": 3}}
    pairs, log = pair(
        course(0.0, **faults["base"]), course(0.1, **faults["candidate"]), tests="abc", timeout_s=lambda test: left_s
    )
    over = not left_s
    assert launches(log) == started
    assert complete(pairs["a"])
    assert not pairs["a"].candidate.cut
    assert getattr(pairs["b"], ends).cut == over
    assert pairs["c"].candidate.cut == over
    assert ("--modelbench-budget" in pairs["c"].candidate.trouble) == over


def test_a_test_that_was_never_run_is_in_trouble():
    pairs, log = pair(course(0.0), script(("b", ["case"], 0.1)))
    assert pairs["a"].candidate.trouble.startswith(
        "The worker process did not find this test, though it was collected: "
    )
    assert complete(pairs["b"])
    assert launches(log) == ["ab"]


def test_a_test_that_fails_in_the_base_compares_nothing():
    pairs, _ = pair(untimed(outcome="failed"), script(("a", [], 0.0)), tests=["a"])
    assert pairs["a"].obstacle == "it fails in the code compared with"


def test_a_test_that_is_skipped_in_the_base_compares_nothing():
    pairs, _ = pair(untimed(outcome="skipped"), script(("a", [], 0.0)), tests=["a"])
    assert pairs["a"].obstacle == "it is skipped in the code compared with"


def test_a_module_that_the_base_cannot_import_is_named():
    broken = [Unimportable("test_a.py", "E   ImportError: no such thing\n"), Done()]
    pairs, _ = pair(broken, script(("test_a.py::a", ["case"], 0.0)), tests=["test_a.py::a"])
    assert "test_a.py cannot be imported: ImportError: no such thing" in pairs["test_a.py::a"].obstacle


def test_a_process_that_imports_other_code_compares_nothing():
    stray = untimed(strays=("pkg from /elsewhere/pkg/__init__.py",))
    pairs, _ = pair(stray, script(("a", [], 0.0)), tests=["a"])
    assert "imported pkg from /elsewhere/pkg/__init__.py" in pairs["a"].obstacle
    assert "pip install -e ." in pairs["a"].obstacle


def test_a_machine_on_which_nothing_can_be_measured_ends_the_session():
    with pytest.raises(UsageError, match="no such device"):
        pair([Refused("no such device")], script(("a", [], 0.0)), tests=["a"])


def test_the_listener_hears_of_the_candidate_and_that_a_test_starts():
    def course(side):
        return [Hello(ENVIRONMENT), *untimed(Warned("a", f"{side} warns", "UserWarning", "builtins", "f.py", 1))]

    listener = Listener()
    pair(course("base"), course("candidate"), tests=["a"], listener=listener)
    assert listener.told == ["cpu-a", "a starts", "candidate warns"]


def test_a_test_that_is_repeated_in_a_process_is_one_test_of_the_pair():
    """As pytest-rerunfailures does it: the attempt that failed announced timings, too, and the next one again."""

    def flaky(log_s):
        yield Begin("a")
        yield Started("a")
        for number, outcome in enumerate(("rerun", "passed")):
            answer = yield Ready("a", number, "case", Amount(PLANNED, MOST, REPEATS))
            while answer == "sample":
                answer = yield Taken("a", log_s, False)
            timing = RelativeTime(log_s, turn=number)
            yield Recorded(Measurement.of("latency", 1.0, NamedCase("case"), timing=timing, test="a"))
            yield from reported("a", outcome)
        yield Finished("a")
        yield Done()

    pairs, _ = pair(flaky(0.0), flaky(0.25), tests=["a"])
    assert [len(side.measurements) for side in pairs["a"].sides] == [1, 1]
    assert changes(pairs.values(), CheckKey("a", "latency")) == [0.25]


def test_what_one_side_imported_from_elsewhere_is_told_beside_what_failed_in_the_other():
    broken = untimed(outcome="failed")
    pairs, _ = pair(broken, untimed(strays=("pkg from /elsewhere/pkg/__init__.py, why",)), tests=["a"])
    assert pairs["a"].obstacle == (
        "it fails in the code compared with; "
        "a process of the comparison imported pkg from /elsewhere/pkg/__init__.py, why"
    )


def test_silence_of_either_side_is_told_so_that_time_can_be_shown():
    quiet, told = Quiet(), []
    listener = SimpleNamespace(heard=lambda event: told.append(event), test_ended=None)
    base, candidate = (untimed(quiet) for _ in range(2))
    pair(base, candidate, tests=["a"], listener=listener)
    assert told.count(quiet) == 2


NO_MEMORY = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB."


def without_room(tests, message=NO_MEMORY):
    """A worker's course in which the first test runs out of memory, and the others are timed."""
    crash = {"reprcrash": {"message": message}}
    first, *others = tests
    yield Begin(first)
    yield Started(first)
    yield Reported(first, {"when": "call", "outcome": "failed", "longrepr": crash})
    yield Finished(first)
    yield from script(*((test, ["case"], 0.0) for test in others))


def measures(value, test="a", disturbance=""):
    """A worker's course over one test that is measured beside the reference workload."""
    timing = RelativeTime(value, 0.001)
    one = Measurement.of("latency", 1.0, NamedCase("case"), timing=timing, test=test, quality=Quality(disturbance))
    return [Started(test), Recorded(one), *reported(test), Finished(test), Done()]


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("crowded", ["base", "candidate", "both"])
def test_what_does_not_fit_in_memory_beside_each_other_is_measured_one_after_the_other(number, crowded):
    base = without_room if crowded != "candidate" else course(0.0)
    candidate = without_room if crowded != "base" else course(0.0)
    alone = {"B": measures(0.1), "C": measures(0.35)}
    runs, log = pair(base, candidate, ("a", "b"), alone=alone.get, number=number)
    run = runs["a"]
    assert [name for name, word in log if word == "alone"] == (["B", "C"] if number == 1 else ["C", "B"])
    assert (run.apart, run.obstacle, outcomes(run.candidate)) == (True, "", ["passed"] * 3)
    assert changes([run], CheckKey("a", "latency")) == [pytest.approx(0.25)]
    assert not runs["b"].apart
    assert complete(runs["b"])


@pytest.mark.parametrize(
    ("message", "apart"),
    [
        ("RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", True),
        ("RuntimeError: CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`", True),
        ("RuntimeError: cuDNN error: CUDNN_STATUS_ALLOC_FAILED", True),
        ("RuntimeError: CUDA error: device-side assert triggered", False),
    ],
)
def test_libraries_without_memory_say_so_in_words_of_their_own(message, apart):
    runs, _ = pair(partial(without_room, message=message), course(0.0), ["a"], alone=lambda name: measures(0.1))
    assert runs["a"].apart is apart


def test_what_does_not_fit_by_itself_either_fails():
    def alone(name):
        yield from (event for event in without_room(["a"]) if not isinstance(event, Begin))

    runs, _ = pair(without_room, without_room, ["a"], alone=alone)
    assert runs["a"].apart
    assert "it fails in the code compared with: torch.OutOfMemoryError" in runs["a"].obstacle
    assert outcomes(runs["a"].candidate) == ["failed"]


def test_a_process_that_dies_by_itself_costs_its_test():
    runs, _ = pair(without_room, without_room, ["a"], alone=lambda name: measures(0.1) if name == "B" else [])
    assert runs["a"].candidate.trouble
    assert changes(runs.values(), CheckKey("a", "latency")) == []
