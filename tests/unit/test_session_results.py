"""What a test's runs and pairs amount to: which checks a duet decides, and how a test ends that was cut short."""

from __future__ import annotations

import math

import pytest

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.records import TIMING, CheckKey, Record
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.core.verdicts import BaselineView, Duet, Verdict
from pytest_modelbench.session.commands import Commands
from pytest_modelbench.session.gate import Gate, Recourse
from pytest_modelbench.session.pairing import Recourses
from pytest_modelbench.session.results import Ledger
from pytest_modelbench.workers.pairs import PairRun, Timing
from pytest_modelbench.workers.rounds import TestRun

HERE = Environment("cpu", "a machine", "cpu-a", {"threads": 1}, {"torch": "2.15"})
TEST = "test_it.py::test_net"
SLOW = (0.2, 0.21)
OPEN = (0.033, 0.028)  # neither within the band for sure, nor hopeless


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
        levels = (0.0, 0.012, -0.012, 0.01, -0.01, 0.005, -0.005, 0.0) if metric.noisy else ()
        return BaselineView(
            "case", metric.unit, metric.better, 0.1, "conv", levels, identity=HERE.identity,
            provenance=HERE.provenance, commit=self._commits[key.name],
        )  # fmt: skip

    def keys(self, folder):
        return [CheckKey(TEST, name) for name in self._commits] if folder == "cpu-a" else []


def ledger_of(commits, *, updating=False, settings=None):
    settings = settings or Settings()

    def recourse(commit):
        return Recourse(duet=True) if commit else Recourse(why_none="it was recorded with changes")

    def open_gate(environment):
        return Gate(Store(commits), environment, settings, (2, 4, 6, 9), updating=updating, recourse=recourse)

    ledger = Ledger(settings, Commands(), open_gate, updating=updating)
    ledger.environment_known(HERE)
    return ledger


def run(process=1, outcome="passed", trouble="", **levels):
    """A test's run in one process, with a level for each metric."""
    reports = [{"when": when, "outcome": "passed"} for when in ("setup", "call", "teardown")]
    reports[1] = {"when": "call", "outcome": outcome, "longrepr": "it did not hold"}
    records = [
        Record(
            TEST, name, METRICS[name], "case", 0.1 if METRICS[name].noisy else level, level, "conv", process=process,
            details={TIMING: number},
        )
        for number, (name, level) in enumerate(levels.items())
    ]  # fmt: skip
    return TestRun(TEST, process, [] if trouble else reports, records, trouble=trouble)


def measured(ledger, *runs):
    """The decision after the last of ``runs``, each looked at as the conductor does."""
    decision = None
    for one in runs:
        ledger.add(one)
        if one.process > 1:
            decision = ledger.decide(TEST, last_pass=False)
    return decision


def pair(number=1, new=None, old=None, obstacle="", **changes):
    """A pair that tells so much of a change of each metric."""
    names = dict.fromkeys(changes, 0.0)
    timings = {place: Timing("case", (change,)) for place, change in enumerate(changes.values())}
    return PairRun(TEST, number, old or run(number, **names), new or run(number, **names), timings, obstacle)


def beside(ledger, duet, pairs, **changes):
    """The decision after so many more pairs."""
    decision = None
    for number in range(1, pairs + 1):
        ledger.add_pair(pair(number, **changes), alone=not duet.stored)
        if number > 1 or duet.stored:
            decision = ledger.decide_beside(TEST, duet, last_pair=number == duet.looks[-1])
        if decision is not None:
            break
    return decision


def verdicts(ledger):
    return {key.name: check.judgement.verdict for key, check in ledger.entries[TEST].checks.items()}


def stored_duet(commit, checks):
    return Duet(f"commit {commit}", checks=checks, commit=commit)


def test_each_check_is_decided_beside_the_commit_of_its_own_baseline():
    """backward_time is a tenth slower than c1, which is not where its baseline is from."""
    ledger = ledger_of({"latency": "c1", "backward_time": "c2"})
    levels = [run(n, latency=level, backward_time=level) for n, level in enumerate(SLOW, 1)]
    assert measured(ledger, *levels) is None
    assert ledger.by_commit(TEST) == {"c1": 1, "c2": 1}
    first = stored_duet("c1", 2)
    assert beside(ledger, first, 3, latency=0.1, backward_time=0.1) is None
    assert verdicts(ledger) == {"latency": Verdict.REGRESSED, "backward_time": Verdict.INCONCLUSIVE}
    assert not ledger.waits(TEST, first)
    ledger.begin_duet([TEST])
    second = stored_duet("c2", 2)
    assert ledger.waits(TEST, second)
    decision = beside(ledger, second, 3, latency=0.0, backward_time=0.2)
    assert decision is not None
    assert verdicts(ledger) == {"latency": Verdict.REGRESSED, "backward_time": Verdict.REGRESSED}


def test_a_duet_takes_along_what_is_open_besides_and_counts_it():
    ledger = ledger_of({"latency": "c1", "backward_time": "c1"})
    runs = [run(n, latency=SLOW[n - 1], backward_time=OPEN[n - 1]) for n in (1, 2)]
    assert measured(ledger, *runs) is None
    assert [c.judgement.escalated for c in ledger.entries[TEST].checks.values()] == [True, False]
    assert not ledger.wants_pass(TEST)
    assert ledger.by_commit(TEST) == {"c1": 2}


def test_what_no_duet_can_decide_is_measured_in_further_passes():
    ledger = ledger_of({"latency": "c1", "backward_time": None})
    runs = [run(n, latency=SLOW[n - 1], backward_time=OPEN[n - 1]) for n in (1, 2)]
    assert measured(ledger, *runs) is None
    assert ledger.wants_pass(TEST)
    assert ledger.by_commit(TEST) == {"c1": 1}


def test_a_check_that_is_settled_is_not_looked_at_again():
    ledger = ledger_of({"latency": "c1", "backward_time": None})
    levels = [(0.0, 0.033), (0.001, 0.028), (0.3, 0.033), (0.3, 0.028)]
    runs = [run(n, latency=one, backward_time=other) for n, (one, other) in enumerate(levels, 1)]
    measured(ledger, *runs)
    judgement = ledger.entries[TEST].checks[CheckKey(TEST, "latency")].judgement
    assert (judgement.verdict, judgement.processes) == (Verdict.OK, 2)


@pytest.mark.parametrize("end", [{"trouble": "The worker process died of SIGSEGV"}, {"outcome": "failed"}])
def test_a_test_that_fails_in_its_duet_is_told_as_it_failed_there(end):
    ledger = ledger_of({"latency": "c1"})
    assert measured(ledger, *(run(n, latency=level) for n, level in enumerate(SLOW, 1))) is None
    failing = run(1, **end)
    ledger.add_pair(pair(new=failing, latency=0.0), alone=False)
    decision = ledger.decide_beside(TEST, stored_duet("c1", 1), last_pair=False)
    assert (decision.outcome, decision.own) == ("failed", True)
    assert ledger.entries[TEST].runs[-1] is failing
    assert not ledger.waits(TEST, stored_duet("c1", 1))  # another pair would tell it twice


AGAINST = Duet("main (abc)", stored=False)


@pytest.mark.parametrize("left", [{}, {"backward_time": 0.0}])
def test_a_measurement_that_only_the_other_code_makes_fails_the_test(left):
    ledger = ledger_of({})
    old = run(latency=0.0, backward_time=0.0)
    ledger.add_pair(pair(old=old, new=run(**left), **left), alone=True)
    decision = ledger.decide_beside(TEST, AGAINST, last_pair=False)
    assert decision.outcome == "failed"
    assert "main (abc) measures " in decision.headline
    assert "latency" in decision.headline
    assert f"--deselect {TEST}" in decision.message


def test_a_test_that_is_skipped_and_measured_in_the_other_code_fails():
    ledger = ledger_of({})
    ledger.add_pair(pair(old=run(latency=0.0), new=run(outcome="skipped")), alone=True)
    decision = ledger.decide_beside(TEST, AGAINST, last_pair=False)
    assert decision.outcome == "failed"
    assert "skipped, so its baseline was not checked" in decision.message


OVER = "the budget of 10m was over"


def test_a_failing_assertion_is_told_though_the_budget_is_over():
    ledger = ledger_of({"latency": "c1"})
    failing = run(outcome="failed", latency=0.0)
    ledger.add(failing)
    assert ledger.decided_by_itself(failing)
    assert ledger.give_up(TEST, OVER).outcome == "failed"


def test_what_the_budget_leaves_open_is_inconclusive_and_never_accepted():
    for updating, outcome in ((False, "inconclusive"), (True, "failed")):
        ledger = ledger_of({"latency": "c1"}, updating=updating)
        ledger.add(run(latency=0.0))
        decision = ledger.give_up(TEST, OVER)
        assert decision.outcome == outcome
        assert OVER in decision.message
        assert ledger.checks(decided_only=updating) == [] or not updating


def test_a_pair_that_the_budget_cut_short_has_not_been():
    ledger = ledger_of({})
    cut = run(trouble="killed")
    cut.cut = True
    ledger.add_pair(pair(1, latency=0.0), alone=True)
    ledger.add_pair(pair(2, new=cut, latency=0.0), alone=True)
    assert ledger.drop_cut(TEST)
    assert not ledger.drop_cut(TEST)
    assert [one.pair for one in ledger.entries[TEST].pairs] == [1]
    assert not any(one.trouble for one in ledger.entries[TEST].runs)


def test_what_was_never_compared_is_not_judged_when_the_budget_is_over():
    """The old twin imported other code: its records are of no baseline."""
    ledger = ledger_of({"macs": None})
    ledger.add_pair(pair(obstacle="it imported nets from elsewhere", new=run(macs=7.0)), alone=True)
    decision = ledger.give_up(TEST, OVER)
    assert decision.outcome == "inconclusive"
    assert ledger.checks() == []


def further(ledger, *levels):
    """The decision after further processes, which nothing may come before."""
    decision = None
    for number, level in enumerate(levels, len(ledger.entries[TEST].runs) + 1):
        assert decision is None
        assert ledger.wants_pass(TEST)
        decision = measured(ledger, run(number, latency=level))
    return decision


def escalated_and(ledger, duet, pairs=3, **told):
    """The decision after a duet on a latency that was a fifth slower in two processes."""
    assert measured(ledger, *(run(n, latency=level) for n, level in enumerate(SLOW, 1))) is None
    assert not ledger.wants_pass(TEST)
    ledger.begin_duet([TEST])
    decision = None
    for number in range(1, pairs + 1):
        ledger.add_pair(pair(number, **told), alone=False)
        decision = ledger.decide_beside(TEST, duet, last_pair=number == pairs)
    return decision


@pytest.mark.parametrize(
    ("levels", "outcome", "verdict"),
    [
        ((0.0, 0.01, -0.01, 0.005), "passed", Verdict.OK),
        ((0.2, 0.21, 0.19, 0.2), "inconclusive", Verdict.INCONCLUSIVE),
    ],
)
def test_what_a_duet_clears_and_still_stands_out_is_measured_again(levels, outcome, verdict):
    ledger, duet = ledger_of({"latency": "c1"}), stored_duet("c1", 1)
    assert escalated_and(ledger, duet, latency=0.0) is None
    assert not ledger.waits(TEST, duet)
    assert ledger.by_commit(TEST) == {}
    assert further(ledger, *levels).outcome == outcome
    judgement = ledger.entries[TEST].checks[CheckKey(TEST, "latency")].judgement
    assert (judgement.verdict, judgement.processes, judgement.pairs) == (verdict, 6, 3)


def test_what_the_budget_leaves_unmeasured_after_a_duet_is_inconclusive():
    ledger = ledger_of({"latency": "c1"})
    assert escalated_and(ledger, stored_duet("c1", 1), latency=0.0) is None
    decision = ledger.give_up(TEST, OVER)
    assert decision.outcome == "inconclusive"
    assert "as fast beside commit c1" in decision.message
    assert OVER in decision.message


def test_where_a_duet_tells_nothing_the_stored_baseline_decides_after_all_its_looks():
    ledger, duet = ledger_of({"latency": "c1"}), stored_duet("c1", 1)
    assert escalated_and(ledger, duet, obstacle="it is skipped in the code compared with") is None
    assert not ledger.waits(TEST, duet)
    decision = further(ledger, *(0.2 + 0.001 * n for n in range(7)))
    assert decision.outcome == "failed"
    assert "not confirmed beside commit c1: it is skipped" in decision.message
    assert math.isfinite(ledger.entries[TEST].checks[CheckKey(TEST, "latency")].judgement.ratio)


def test_where_a_duet_tells_nothing_a_bad_spell_fails_nobody():
    ledger = ledger_of({"latency": "c1"})
    assert escalated_and(ledger, stored_duet("c1", 1), obstacle="it is skipped in the code compared with") is None
    assert further(ledger, *(0.001 * n for n in range(7))).outcome == "inconclusive"


@pytest.mark.parametrize(
    ("settings", "inline", "why"),
    [(Settings(), True, "--modelbench-inline"), (Settings(confirm="rerun"), False, "--modelbench-confirm=rerun")],
)
def test_where_no_duet_can_follow_nothing_waits_for_one(tmp_path, settings, inline, why):
    assert Recourses(tmp_path, settings, inline=inline)("c" * 40) == Recourse(why_none=why)
