"""What a test's runs and pairs amount to: which checks a duet decides, and how a test ends that was cut short."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from pytest_modelbench.core.acceptance import Cause
from pytest_modelbench.core.breakdown import Breakdown, ItemChange
from pytest_modelbench.core.case import Case, NamedCase
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.measurement import (
    CALLS_OF_TIMING,
    CheckKey,
    Comparability,
    Measurement,
    Quality,
    RelativeTime,
)
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.observations import hits
from pytest_modelbench.core.reasons import ItemsChanged, NotEverywhere, OutOfBudget
from pytest_modelbench.core.sample_names import SampleNames
from pytest_modelbench.core.session import Outcome, Session, Stamp
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.core.verdicts import BaselineView, Verdict
from pytest_modelbench.judge.procedure import Duet
from pytest_modelbench.judge.state import Nothing, Pair, Round, State
from pytest_modelbench.report.reasons import sentences
from pytest_modelbench.session import entries
from pytest_modelbench.session.commands import Commands
from pytest_modelbench.session.confirming import Recourses
from pytest_modelbench.session.deciding import Decider, Rule
from pytest_modelbench.session.entries import Decision, ResultKey
from pytest_modelbench.session.gate import Gate, Policy, Recourse
from pytest_modelbench.session.measured import MeasuredBaselines
from pytest_modelbench.session.results import Results
from pytest_modelbench.store.acceptance import refusals
from pytest_modelbench.testing.worker import report
from pytest_modelbench.workers.runs import PairedTiming, PairRun, TestRun

HERE = Environment("cpu", "a machine", "cpu-a", {"threads": 1}, {"torch": "2.15"})
TEST = "test_it.py::test_net"
LOOKS = (2, 4, 6, 9)
SLOW = (0.2, 0.21)
OPEN = (0.033, 0.028)  # neither within the band for sure, nor hopeless


class Surroundings:
    """Nothing is known of what changed around a test, but that something did."""

    def used(self, check, provenance):
        return {"timm"}

    def since(self, test, regressed):
        return f"since: {', '.join(check.key.name for check, _ in regressed)}"


class Store:
    """Baselines in memory: the commit behind each name, or None for a tree with changes."""

    def __init__(self, commits):
        self._commits = commits

    def load(self, folder):
        pass

    def holds_any(self, folder):
        return True

    def find(self, folder, key):
        if key.name not in self._commits:
            return None
        metric = METRICS[key.name]
        log_ratios = (0.0, 0.012, -0.012, 0.01, -0.01, 0.005, -0.005, 0.0) if metric.noisy else ()
        calm_days = ((0.0, 0.01, -0.01),) * 8 if metric.noisy else ()
        return BaselineView(
            "case", metric.unit, metric.better, 0.1, Comparability(reference="conv"), log_ratios, calm_days,
            identity=HERE.identity, provenance=HERE.provenance, commit=self._commits[key.name],
        )  # fmt: skip

    def keys(self, folder):
        return [CheckKey(TEST, name) for name in self._commits if HERE.folder(METRICS[name].scope) == folder]


def results_of(commits, *, updating=False):
    """Results beside what is stored: the commit of each check's baseline."""

    def recourse(commit):
        return Recourse(duet=True) if commit else Recourse(why_none="it was recorded with changes")

    def open_gate(environment):
        return Gate(Store(commits), environment, Policy(Settings(), (5,) if updating else LOOKS, updating, recourse))

    results = Results(Decider(Settings(), Commands(), Rule("a session", updating), Surroundings()), open_gate)
    results.environment_known(HERE)
    return results


def results_against():
    """Results beside code that is measured in each pair."""

    def open_gate(environment):
        measured = MeasuredBaselines(lambda test: results.entry(test).pairs)
        return Gate(measured, environment, Policy(Settings(missing="fail"), LOOKS, against=True))

    results = Results(Decider(Settings(), Commands(), Rule("a session"), Surroundings()), open_gate, State.PAIRED)
    results.environment_known(HERE)
    return results


def run(process=1, outcome="passed", trouble="", upset="", **log_ratios):
    """A test's run in one process, with a log ratio for each metric; of exact ones it is the value."""
    reports = [report("setup"), report("call", outcome, longrepr="it did not hold"), report("teardown")]
    measurements = [
        Measurement.of(
            name,
            0.1 if METRICS[name].noisy else log_ratio,
            NamedCase("case"),
            timing=RelativeTime(log_ratio, turn=number) if METRICS[name].noisy else None,
            comparability=Comparability(reference="conv"),
            quality=Quality(upset, blocks=4 if METRICS[name].noisy else 0),
            test=TEST,
            process=process,
        )
        for number, (name, log_ratio) in enumerate(log_ratios.items())
    ]
    return TestRun(TEST, process, HERE, [] if trouble else reports, measurements, 1.0, trouble)


def measured(results, *runs):
    """The decision after the last of ``runs``, each looked at as the session's runner does."""
    decision = None
    for one in runs:
        results.add(one)
        if one.process > 1:
            decision = results.decide(TEST, last_round=False)
    return decision


def pair(number=1, candidate=None, base=None, obstacle="", **changes):
    """A pair that tells so much of a change of each metric."""
    names = dict.fromkeys(changes, 0.0)
    timings = {place: PairedTiming("case", (change,)) for place, change in enumerate(changes.values())}
    return PairRun(TEST, number, base or run(number, **names), candidate or run(number, **names), timings, obstacle)


def beside(results, duet, pairs, **changes):
    """The decision after so many more pairs."""
    decision = None
    for number in range(1, pairs + 1):
        results.add_pair(pair(number, **changes), alone=not duet.stored)
        if number > 1 or duet.stored:
            decision = results.decide_beside(TEST, duet, last_pair=number == duet.looks[-1])
        if decision is not None:
            break
    return decision


def standing(results, name):
    return results.entries[TEST].course[ResultKey(TEST, name, HERE.slug)]


def waiting(results):
    """How many checks wait for pairs, by the commit beside which they would be."""
    return {commit: results.waiting(TEST, commit) for commit in results.bases(TEST)}


def refused(results, *, updating):
    """Why nothing of it may become a baseline, by the name of a check."""
    stamp = Stamp("2026-01-01T00:00:00Z")
    checks, tests = tuple(results.checks()), tuple(results.results())
    session = Session(stamp, results.environments, checks, tests, 1.0, 1, updating=updating)
    return {c.key.name: why.cause for c, why in zip(session.checks, refusals(session), strict=True) if why}


def verdicts(results):
    return {check.key.name: check.judgement.verdict for check in results.checks()}


def stored_duet(commit, checks):
    return Duet(f"commit {commit}", (3, 5, 8, 13, 20), checks, commit=commit)


def test_each_check_is_decided_beside_the_commit_of_its_own_baseline():
    """backward_time is a tenth slower than c1, which is not where its baseline is from."""
    results = results_of({"latency": "c1", "backward_time": "c2"})
    runs = [run(n, latency=slow, backward_time=slow) for n, slow in enumerate(SLOW, 1)]
    assert measured(results, *runs) is None
    assert waiting(results) == {"c1": 1, "c2": 1}
    first = stored_duet("c1", 2)
    assert beside(results, first, 3, latency=0.1, backward_time=0.1) is None
    assert verdicts(results) == {"latency": Verdict.REGRESSED, "backward_time": Verdict.INCONCLUSIVE}
    assert not results.waiting(TEST, first.commit)
    results.begin_duet([TEST])
    second = stored_duet("c2", 2)
    assert results.waiting(TEST, second.commit)
    decision = beside(results, second, 3, latency=0.0, backward_time=0.2)
    assert decision is not None
    assert verdicts(results) == {"latency": Verdict.REGRESSED, "backward_time": Verdict.REGRESSED}


def placing(name="latency", then_ns=1_000_000, now_ns=3_000_000):
    """A pair that tells how long each part takes."""
    sides = [run(1, **{name: 0.0}) for _ in range(2)]
    for side, nanoseconds in zip(sides, (then_ns, now_ns), strict=True):
        parts = Breakdown.of({("head", "Linear"): 500_000, ("stem", "Conv2d"): nanoseconds})
        side.measurements = [replace(one, breakdown=parts) for one in side.measurements]
    return PairRun(TEST, 1, *sides)


def found_slower(commits, duet, **changes):
    """Results in which ``duet`` has found latency slower, of a model; and how the test ends, if it does."""
    results = results_of(commits)
    measured(results, *(run(n, **dict.fromkeys(commits, log_ratio)) for n, log_ratio in enumerate(SLOW, 1)))
    progress = standing(results, "latency")
    progress.check = replace(progress.check, case=Case("net", 1, (224, 224)))
    beside(results, duet, 3, **changes)
    progress.check, entry = replace(progress.check, case=Case("net", 1, (224, 224))), results.entry(TEST)
    entry.decision = entry.decision and results._by_checks(TEST, entry)  # which names the case
    return results, entry.decision


def test_where_a_slowdown_is_is_told_with_how_the_test_ended():
    duet = stored_duet("c1", 1)
    results, decision = found_slower({"latency": "c1"}, duet, latency=0.1)
    assert results.moved(TEST, duet)
    assert not results.moved(TEST, duet)  # it was asked
    results.place(placing(), duet)
    placed = results.entry(TEST).decision
    assert (placed.outcome, placed.own) == (decision.outcome, False) == (Outcome.FAILED, False)
    assert "  where     stem, +2.00 ms of +2.00 ms (timed with hooks)" in placed.message.splitlines()
    results.place(placing(), duet)
    assert results.entry(TEST).decision == placed  # once


def test_a_slowdown_is_placed_beside_the_code_that_it_was_found_beside():
    first, second = stored_duet("c1", 2), stored_duet("c2", 2)
    results, decision = found_slower({"latency": "c1", "backward_time": "c2"}, first, latency=0.1, backward_time=0.1)
    assert decision is None
    assert results.moved(TEST, first)
    results.begin_duet([TEST])
    beside(results, second, 3, latency=0.0, backward_time=0.2)
    assert not results.moved(TEST, second)
    results.place(placing(), second)
    assert "where" not in results.entry(TEST).decision.message


@pytest.mark.parametrize(
    ("verdict", "now_ns", "told"),
    [
        (Verdict.REGRESSED, 3_000_000, True),
        (Verdict.REGRESSED, 1_000_000, False),
        (Verdict.REGRESSED, 900_000, False),
        (Verdict.REGRESSED, 1_004_000, False),
        (Verdict.IMPROVED, 900_000, True),
        (Verdict.IMPROVED, 996_000, False),
        (Verdict.IMPROVED, 3_000_000, False),
        (Verdict.INCONCLUSIVE, 900_000, True),
        (Verdict.INCONCLUSIVE, 3_000_000, True),
        (Verdict.INCONCLUSIVE, 1_004_000, False),
    ],
)
def test_a_pair_tells_a_place_if_it_shows_what_the_verdict_says(verdict, now_ns, told):
    assert bool(placing(now_ns=now_ns).placed(CheckKey(TEST, "latency"), verdict)) is told
    assert placing().placed(CheckKey(TEST, "throughput"), verdict) is None


def test_operators_are_told_where_a_time_is_undecided_and_did_not_move():
    def calls(n, count):
        one = run(n, latency=0.0)
        (timed,) = one.measurements
        called = Measurement.of("operators", count, timed.case, f"{CALLS_OF_TIMING}0", test=TEST, process=n)
        one.measurements = [
            replace(timed, breakdown=Breakdown.of({("stem", "Conv2d"): 1_000_000})),
            replace(called, breakdown=Breakdown.of({("stem", "aten::add"): count})),
        ]
        return one

    more = PairRun(TEST, 1, calls(1, 3), calls(1, 5)).placed(CheckKey(TEST, "latency"), Verdict.INCONCLUSIVE)
    assert more == ItemsChanged("count", (ItemChange("stem", "aten::add", 3, 5),))
    same = PairRun(TEST, 1, calls(1, 3), calls(1, 3))
    assert same.placed(CheckKey(TEST, "latency"), Verdict.INCONCLUSIVE) is None
    assert same.placed(CheckKey(TEST, "latency"), Verdict.REGRESSED) is None


@pytest.mark.parametrize("verdict", [Verdict.IMPROVED, Verdict.INCONCLUSIVE])
def test_what_pairs_found_better_or_could_not_tell_is_placed_too_and_what_is_equal_is_not(verdict):
    duet = stored_duet("c1", 1)
    results, _ = found_slower({"latency": "c1"}, duet, latency=0.1)
    progress = standing(results, "latency")
    progress.check = replace(progress.check, judgement=replace(progress.check.judgement, verdict=verdict))
    assert results.moved(TEST, duet)
    results.place(placing(then_ns=3_000_000, now_ns=1_000_000), duet)
    (check,) = results.checks()
    assert sentences(check.judgement.where) == "in stem: -2.00 ms of -2.00 ms"
    equal, _ = found_slower({"latency": "c1"}, duet, latency=0.0)
    assert not equal.moved(TEST, duet)


def test_what_else_decided_a_test_stays():
    duet = stored_duet("c1", 1)
    results, _ = found_slower({"latency": "c1"}, duet, latency=0.1)
    other = Decision(Outcome.FAILED, "cannot be compared", "cannot be compared")
    results.entry(TEST).decision = other
    results.place(placing(), duet)
    assert results.entry(TEST).decision == other


def test_a_duet_takes_along_what_is_open_besides_and_counts_it():
    """One of the checks is there in the second process alone, and would be looked at after another one."""
    results = results_of({"latency": "c1", "backward_time": "c1"})
    runs = [run(1, latency=SLOW[0]), run(2, latency=SLOW[1], backward_time=OPEN[1])]
    assert measured(results, *runs) is None
    assert [standing(results, name).state for name in ("latency", "backward_time")] == [State.PAIRED] * 2
    assert results.following(TEST) == Pair("c1")
    assert waiting(results) == {"c1": 2}
    results = results_of({"backward_time": "c1"})
    assert measured(results, run(1), run(2, backward_time=OPEN[1])) is None
    assert results.following(TEST) == Round()


def test_what_no_duet_can_decide_is_measured_in_further_rounds():
    results = results_of({"latency": "c1", "backward_time": None})
    runs = [run(n, latency=SLOW[n - 1], backward_time=OPEN[n - 1]) for n in (1, 2)]
    assert measured(results, *runs) is None
    assert results.following(TEST) == Round()
    assert waiting(results) == {"c1": 1}


def test_what_happened_since_the_baseline_is_told_once_a_test_of_what_regressed():
    results = results_of({"parameters": "c1", "macs": "c1", "top1": "c1"})
    results.add(run(parameters=0.2, macs=0.3, top1=0.1))
    decision = results.decide(TEST, last_round=False)
    assert decision.message.splitlines()[2:] == [
        "",
        "since: parameters, macs",
        f"to see it again:      pytest --modelbench {TEST}",
        f"if this is intended:  pytest --modelbench --update-baselines {TEST}",
    ]
    assert decision.message.count("since: ") == 1
    assert decision.headline == f"{decision.message.splitlines()[0]} (and 1 more)"
    assert "since" not in results_told_by({"top1": "c1"}, top1=0.1)


def results_told_by(commits, **values):
    results = results_of(commits)
    results.add(run(**values))
    return results.decide(TEST, last_round=True).message


def test_a_check_that_is_settled_is_not_looked_at_again():
    results = results_of({"latency": "c1", "backward_time": None})
    log_ratios = [(0.0, 0.033), (0.001, 0.028), (0.3, 0.033), (0.3, 0.028)]
    runs = [run(n, latency=one, backward_time=other) for n, (one, other) in enumerate(log_ratios, 1)]
    measured(results, *runs)
    judgement = standing(results, "latency").check.judgement
    assert (judgement.verdict, judgement.processes) == (Verdict.OK, 2)


@pytest.mark.parametrize("end", [{"trouble": "The worker process died of SIGSEGV"}, {"outcome": "failed"}])
def test_a_test_that_fails_in_its_duet_is_told_as_it_failed_there(end):
    results = results_of({"latency": "c1"})
    assert measured(results, *(run(n, latency=slow) for n, slow in enumerate(SLOW, 1))) is None
    failing = run(1, **end)
    results.add_pair(pair(candidate=failing, latency=0.0), alone=False)
    decision = results.decide_beside(TEST, stored_duet("c1", 1), last_pair=False)
    assert (decision.outcome, decision.own) == (Outcome.FAILED, True)
    assert results.entries[TEST].runs[-1] is failing
    assert not results.waiting(TEST, "c1")  # another pair would tell it twice


AGAINST = Duet("main (abc)", stored=False)


@pytest.mark.parametrize("left", [{}, {"backward_time": 0.0}])
def test_a_measurement_that_only_the_base_makes_fails_the_test(left):
    results = results_against()
    base = run(latency=0.0, backward_time=0.0)
    results.add_pair(pair(base=base, candidate=run(**left), **left), alone=True)
    decision = results.decide_beside(TEST, AGAINST, last_pair=False)
    assert decision.outcome is Outcome.FAILED
    assert "main (abc) measures " in decision.headline
    assert "latency" in decision.headline
    assert f"--deselect {TEST}" in decision.message


def test_what_the_base_does_not_have_is_new_and_passes_after_one_pair():
    results = results_against()
    missing = pair(candidate=run(latency=0.0, macs=7.0), obstacle="there is no such test")
    results.add_pair(replace(missing, base=None, absent=True, others=("test_it.py::test_old",)), alone=True)
    decision = results.decide_beside(TEST, AGAINST, last_pair=False)
    assert decision.outcome is Outcome.PASSED
    assert verdicts(results) == {"latency": Verdict.NEW, "macs": Verdict.NEW}
    assert results.entries[TEST].only_in_base == {"test_it.py::test_old"}


def test_a_new_test_that_fails_by_itself_fails():
    results = results_against()
    missing = pair(candidate=run(outcome="failed"), obstacle="there is no such test")
    results.add_pair(replace(missing, base=None, absent=True), alone=True)
    decision = results.decide_beside(TEST, AGAINST, last_pair=False)
    assert (decision.outcome, decision.message) == (Outcome.FAILED, "it did not hold")


def test_a_base_without_the_test_that_a_stored_baseline_is_of_confirms_nothing():
    results = results_of({"latency": "c1"})
    assert measured(results, *(run(n, latency=slow) for n, slow in enumerate(SLOW, 1))) is None
    for number in (1, 2):
        missing = pair(number, candidate=run(number, latency=0.2), obstacle="there is no such test")
        results.add_pair(replace(missing, base=None, absent=True), alone=False)
        results.decide_beside(TEST, stored_duet("c1", 1), last_pair=False)
    assert standing(results, "latency").state is State.AFTER
    assert results.following(TEST) == Round()


def test_a_measurement_that_only_the_candidate_makes_is_new_and_passes():
    results = results_against()
    results.add_pair(pair(base=run(macs=7.0), candidate=run(macs=7.0, parameters=3.0)), alone=True)
    decision = results.decide_beside(TEST, AGAINST, last_pair=False)
    assert decision.outcome is Outcome.PASSED
    assert verdicts(results) == {"macs": Verdict.OK, "parameters": Verdict.NEW}


def test_a_test_that_is_skipped_and_measured_in_the_base_fails():
    results = results_against()
    results.add_pair(pair(base=run(latency=0.0), candidate=run(outcome="skipped")), alone=True)
    decision = results.decide_beside(TEST, AGAINST, last_pair=False)
    assert decision.outcome is Outcome.FAILED
    assert "skipped, so its baseline was not checked" in decision.message


@pytest.mark.parametrize(
    ("test", "skipped", "updating", "outcome"),
    [
        ("modelbench-models::inference[timm:a-b1-fp32]", "fail", False, Outcome.FAILED),
        ("modelbench-models::inference[timm:a-b1-fp32]", "fail", True, Outcome.FAILED),
        ("modelbench-models::inference[timm:a-b1-fp32]", "pass", False, Outcome.SKIPPED),
        ("test_it.py::test_one", "fail", False, Outcome.SKIPPED),
    ],
)
def test_a_listed_model_was_asked_for_and_fails_where_it_is_skipped_unless_it_may(test, skipped, updating, outcome):
    decider = Decider(Settings(skipped=skipped), Commands(), Rule("a session", updating), Surroundings())
    decision = decider.by_itself(entries.TestEntry(), replace(run(outcome="skipped"), test=test), has_baseline=False)
    assert decision.outcome is outcome
    told = "skipped, although --modelbench-model or the settings ask for this model: "
    assert decision.message.startswith(told) is (outcome is Outcome.FAILED)


def scored(lost):
    """A run in which the first ``lost`` of 100 samples were wrong."""
    names = SampleNames.of([f"cat/{number}.jpg" for number in range(100)])
    right = [number >= lost for number in range(100)]
    one = Measurement.of(
        "top1", sum(right) / 100, NamedCase("case"), observations=hits(right), sample_names=names, test=TEST
    )
    return TestRun(TEST, 1, HERE, [report("setup"), report("call"), report("teardown")], [one], 1.0)


@pytest.mark.parametrize(("lost", "outcome"), [(1, Outcome.PASSED), (6, Outcome.FAILED)])
def test_an_accuracy_is_held_against_the_base_sample_by_sample(lost, outcome):
    results = results_against()
    results.add_pair(pair(base=scored(0), candidate=scored(lost)), alone=True)
    decision = results.decide_beside(TEST, AGAINST, last_pair=False)
    assert decision.outcome is outcome
    if lost == 6:
        named = "6 of 100 samples newly wrong: cat/0.jpg, cat/1.jpg, cat/2.jpg, cat/3.jpg, cat/4.jpg and 1 more\n"
        assert named in decision.message
        assert "what chance explains is tolerated" in decision.message


def test_of_all_names_those_of_samples_that_changed_are_kept():
    results = results_against()
    results.add_pair(pair(base=scored(0), candidate=scored(6)), alone=True)
    results.decide_beside(TEST, AGAINST, last_pair=False)
    (check,) = results.checks()
    assert [one.sample_names for one in check.measurements] == [None]
    assert check.judgement.reasons[0].lost_names == tuple(f"cat/{number}.jpg" for number in range(6))


OVER = OutOfBudget(600.0)
TOLD = "the time budget of 10 min 00 s was used up (--modelbench-budget)"


def test_a_failing_assertion_is_told_though_the_budget_is_over():
    results = results_of({"latency": "c1"})
    failing = run(outcome="failed", latency=0.0)
    results.add(failing)
    decision = results.give_up(TEST, OVER)
    assert (decision.outcome, decision.own, decision.message) == (Outcome.FAILED, True, "it did not hold")


def test_what_the_budget_leaves_open_is_inconclusive():
    results = results_of({"latency": "c1"})
    results.add(run(latency=0.0))
    decision = results.give_up(TEST, OVER)
    assert decision.outcome is Outcome.INCONCLUSIVE
    assert TOLD in decision.message


def test_what_the_budget_leaves_open_of_an_update_fails_and_is_never_accepted():
    """Not even of processes that would be enough: it was asked for more of them."""
    results = results_of({"latency": "c1", "macs": None}, updating=True)
    assert measured(results, *(run(n, latency=0.0, macs=7.0) for n in (1, 2, 3))) is None
    decision = results.give_up(TEST, OVER)
    assert decision.outcome is Outcome.FAILED
    assert TOLD in decision.message
    assert refused(results, updating=True) == {"latency": Cause.NOT_ENDED, "macs": Cause.NOT_ENDED}


def test_a_regression_that_only_the_verdict_fails_may_be_accepted():
    results = results_of({"latency": None})
    decision = measured(results, *(run(n, latency=0.2 + n / 1000) for n in range(1, LOOKS[-1] + 1)))
    assert (decision.outcome, decision.own) == (Outcome.FAILED, False)
    assert refused(results, updating=False) == {}


def test_a_pair_that_the_budget_cut_short_has_not_been():
    results = results_against()
    cut = run(trouble="killed")
    cut.cut = True
    results.add_pair(pair(1, latency=0.0), alone=True)
    results.add_pair(pair(2, candidate=cut, latency=0.0), alone=True)
    assert results.drop_cut(TEST)
    assert not results.drop_cut(TEST)
    assert [one.pair for one in results.entries[TEST].pairs] == [1]
    assert not any(one.trouble for one in results.entries[TEST].runs)


def test_what_was_never_compared_is_not_judged_when_the_budget_is_over():
    """The base imported other code: its measurements are no baseline."""
    results = results_against()
    results.add_pair(pair(obstacle="it imported nets from elsewhere", candidate=run(macs=7.0)), alone=True)
    decision = results.give_up(TEST, OVER)
    assert decision.outcome is Outcome.INCONCLUSIVE
    assert results.checks() == []


def further(results, *log_ratios):
    """The decision after further processes, which nothing may come before."""
    decision = None
    for number, log_ratio in enumerate(log_ratios, len(results.entries[TEST].runs) + 1):
        assert decision is None
        assert results.following(TEST) == Round()
        decision = measured(results, run(number, latency=log_ratio))
    return decision


def escalated_and(results, duet, pairs=3, **told):
    """The decision after a duet on a latency that was a fifth slower in two processes."""
    assert measured(results, *(run(n, latency=slow) for n, slow in enumerate(SLOW, 1))) is None
    assert results.following(TEST) == Pair("c1")
    results.begin_duet([TEST])
    decision = None
    for number in range(1, pairs + 1):
        results.add_pair(pair(number, **told), alone=False)
        decision = results.decide_beside(TEST, duet, last_pair=number == pairs)
    return decision


@pytest.mark.parametrize(
    ("log_ratios", "outcome", "verdict"),
    [
        ((0.0, 0.01, -0.01, 0.005), Outcome.PASSED, Verdict.OK),
        ((0.2, 0.21, 0.19, 0.2), Outcome.INCONCLUSIVE, Verdict.INCONCLUSIVE),
    ],
)
def test_what_a_duet_clears_and_still_stands_out_is_measured_again(log_ratios, outcome, verdict):
    results, duet = results_of({"latency": "c1"}), stored_duet("c1", 1)
    assert escalated_and(results, duet, latency=0.0) is None
    assert not results.waiting(TEST, duet.commit)
    assert waiting(results) == {}
    assert further(results, *log_ratios).outcome is outcome
    assert results.following(TEST) == Nothing()
    judgement = standing(results, "latency").check.judgement
    assert (judgement.verdict, judgement.processes, judgement.pairs) == (verdict, 6, 3)


def test_what_the_budget_leaves_unmeasured_after_a_duet_is_inconclusive():
    results = results_of({"latency": "c1"})
    assert escalated_and(results, stored_duet("c1", 1), latency=0.0) is None
    decision = results.give_up(TEST, OVER)
    assert decision.outcome is Outcome.INCONCLUSIVE
    assert "as fast as that of commit c1, side by side in" in decision.message
    assert TOLD in decision.message


def test_where_a_duet_tells_nothing_the_stored_baseline_decides_after_all_its_looks():
    results, duet = results_of({"latency": "c1"}), stored_duet("c1", 1)
    assert escalated_and(results, duet, obstacle="it is skipped in the code compared with") is None
    assert not results.waiting(TEST, duet.commit)
    decision = further(results, *(0.2 + 0.001 * n for n in range(7)))
    assert decision.outcome is Outcome.FAILED
    assert "it could not be measured side by side with commit c1: it is skipped" in decision.message
    assert math.isfinite(standing(results, "latency").check.judgement.ratio)


def test_where_a_duet_tells_nothing_a_bad_spell_fails_nobody():
    results = results_of({"latency": "c1"})
    assert escalated_and(results, stored_duet("c1", 1), obstacle="it is skipped in the code compared with") is None
    assert further(results, *(0.001 * n for n in range(7))).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("settings", "inline", "why"),
    [(Settings(), True, "--modelbench-inline"), (Settings(confirm="rerun"), False, "--modelbench-confirm=rerun")],
)
def test_where_no_duet_can_follow_nothing_waits_for_one(tmp_path, settings, inline, why):
    assert Recourses(tmp_path, settings, inline=inline)("c" * 40) == Recourse(why_none=why)


def test_the_time_of_a_test_is_that_of_all_its_processes_once():
    results = results_against()
    results.add_pair(pair(1, latency=0.0), alone=True)
    results.add_pair(pair(2, latency=0.0), alone=True)
    results.begin_duet([TEST])
    results.add_pair(pair(1, latency=0.0), alone=True)
    assert results.entry(TEST).duration_s == 6.0


UPSET = "3 of 4 blocks were disturbed: the hypervisor took 20 % of the CPU time"


def test_what_disturbed_every_timing_is_known():
    results = results_of({"latency": "c1"}, updating=True)
    assert results.disturbance([TEST]) is None  # nothing was measured
    results.add(run(1, latency=0.0, macs=7.0, upset=UPSET))
    results.add(run(2, latency=0.0, macs=7.0, upset=UPSET))
    found = results.disturbance([TEST])
    assert (found.processes, found.of, found.cause) == (2, 2, UPSET)
    results.add(run(3, latency=0.0, macs=7.0))
    assert results.disturbance([TEST]) is None


def test_an_update_that_is_given_up_is_inconclusive_and_refused():
    results = results_of({"latency": "c1"}, updating=True)
    assert measured(results, *(run(n, latency=0.0, upset=UPSET) for n in (1, 2))) is None
    decision = results.give_up(TEST, results.disturbance([TEST]))
    assert decision.outcome is Outcome.INCONCLUSIVE
    assert decision.message == (
        f"latency cannot be accepted: the machine was disturbed while it was measured: in 2 of 2 processes; {UPSET}"
    )
    assert refused(results, updating=True) == {"latency": Cause.DISTURBED}


def test_how_long_it_would_take_to_settle_is_told_with_the_starts_of_processes():
    results = results_of({"backward_time": None})
    results.start_s = 2.5
    assert measured(results, *(run(n, backward_time=OPEN[n - 1]) for n in (1, 2))) is None
    judgement = standing(results, "backward_time").check.judgement
    assert judgement.more
    assert judgement.more_s == judgement.more * (2.5 + 1.0)


def test_how_long_pairs_would_take_counts_both_sides():
    results, duet = results_of({"latency": "c1"}), replace(stored_duet("c1", 1), looks=(3, 5))
    assert measured(results, *(run(n, latency=slow) for n, slow in enumerate(SLOW, 1))) is None
    results.begin_duet([TEST])
    results.start_s = 2.5
    for number, change in enumerate((0.06, 0.0, 0.03), 1):
        results.add_pair(pair(number, latency=change), alone=False)
        assert results.decide_beside(TEST, duet, last_pair=False) is None
    judgement = standing(results, "latency").check.judgement
    assert judgement.more_s == judgement.more * (2.5 + 2.0)


@pytest.mark.parametrize(
    ("processes", "reason", "outcome", "verdict"),
    [
        (1, OVER, Outcome.PASSED, Verdict.UNCHANGED),
        (2, OVER, Outcome.PASSED, Verdict.UNCHANGED),
        (1, NotEverywhere(), Outcome.INCONCLUSIVE, Verdict.INCONCLUSIVE),
    ],
)
def test_what_the_budget_leaves_of_unchanged_code_is_unchanged(processes, reason, outcome, verdict):
    facts = dict.fromkeys(("packages", "variables", "read", "options", "beside_git"), "none")
    here = replace(HERE, provenance=facts)

    def open_gate(environment):
        store = Store({"latency": "c1"})
        found = store.find
        store.find = lambda folder, key: replace(found(folder, key), provenance=facts)
        return Gate(store, environment, Policy(Settings(), LOOKS, False, lambda commit: Recourse(same_code=True)))

    results = Results(Decider(Settings(), Commands(), Rule("a session", False), Surroundings()), open_gate)
    results.environment_known(here)
    for number in range(1, processes):
        results.add(run(number, latency=0.5))
    results.add(run(processes, latency=0.5))
    decision = results.give_up(TEST, reason)
    assert (decision.outcome, verdicts(results)) == (outcome, {"latency": verdict})
