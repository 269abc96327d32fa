"""The course of a bisection, with revisions that are numbers and pairs that are scripts."""

import contextlib
from dataclasses import replace

import pytest

from pytest_modelbench.core.bisection import Ended, Step
from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.errors import ModelbenchError, UsageError
from pytest_modelbench.core.measurement import Measurement, RelativeTime
from pytest_modelbench.report.bisection import render, to_json
from pytest_modelbench.session.bisecting import Aim, Bisecting
from pytest_modelbench.store.bisection import Memory
from pytest_modelbench.testing.worker import ENVIRONMENT, reported
from pytest_modelbench.workers.runs import PairedTiming, PairRun, TestRun

LOOKS = (2, 3, 5)


class Revisions:
    package = ""
    notes = ()

    def __init__(self, count, gone=()):
        self.steps = [Step(f"{at:040x}", f"r{at}", f"number {at}", "2026-11-28") for at in range(count + 1)]
        self.gone = gone

    @contextlib.contextmanager
    def tree(self, at):
        if at in self.gone:
            raise ModelbenchError("it does not check out")
        yield at

    def brought(self, at):
        return ""


class Pairing:
    """Revision ``at`` is slower by ``level(at)`` in log, and counts ``blocks(at)``; ``broken``: it fails."""

    def __init__(self, level=lambda at: 0.0, blocks=lambda at: 3, broken=(), absent=(), silent=(), died=()):
        self.level, self.blocks, self.broken, self.absent = level, blocks, broken, absent
        self.silent, self.died = silent, list(died)  #: it does not measure macs; its process dies there, once
        self.pairs, self.alone, self.placed = [], [], []

    def run(self, at, test, number):
        run = TestRun(test, number, ENVIRONMENT)
        outcome = "failed" if at in self.broken else "passed"
        run.reports = [one.report for one in reported(test, outcome=outcome) if "report" in one.__slots__]
        if at in self.broken:
            return run
        if at in self.died:
            self.died.remove(at)
            run.trouble = "it was killed"
            return run
        timing = RelativeTime(0.0, turn=0)
        more = {"test": test, "process": number}
        run.measurements = [
            Measurement.of("latency", 0.1, NamedCase("net"), timing=timing, **more),
            Measurement.of("throughput", 10.0, NamedCase("net"), timing=replace(timing, rate=True), **more),
            Measurement.of("macs", float(self.blocks(at)), NamedCase("net"), **more),
        ]
        if at in self.silent:
            run.measurements.pop()
        return run

    def pair(self, base, tree, tests, number=1, *, placing=False):
        (self.placed if placing else self.pairs).append(tree)
        for test in tests:
            run = PairRun(test, number, self.run(base, test, number), self.run(tree, test, number))
            run.obstacle = "it measures another case" if tree in self.absent else ""
            wobble = 0.001 * (-1) ** number
            run.timings = {0: PairedTiming("net", (self.level(tree) - self.level(base) + wobble,))}
            yield run

    def untimed(self, tree, other, tests, number):
        self.alone.append(tree)
        for test in tests:
            yield self.run(tree, test, number)


class Audience:
    """Hears; ``ends_early``: as soon as one revision is told, the time is over."""

    def __init__(self, *, ends_early=False):
        self.lines, self.ends_early = [], ends_early

    def measuring(self, step, number, tests):
        pass

    def pair_ended(self, run):
        pass

    def out_of_time(self):
        return self.ends_early and len(self.lines) > 0

    def told(self, line):
        self.lines.append(line)


def bisected(pairing, revisions, tests=("t",), memory=None, *, ends_early=False, **wanted):
    audience = Audience(ends_early=ends_early)
    one = Bisecting(revisions, Aim(LOOKS, **wanted), audience, lambda place: memory or Memory(None), now_s=lambda: 0.0)
    one.run(pairing, list(tests))
    return one.result(), audience.lines


def slower_from(at, by=0.1):
    return lambda revision: by * (revision >= at)


def blocks_from(at):
    return lambda revision: 3 + (revision >= at)


def ended(result):
    return {one.name: (one.answer.ended, one.answer.bad) for one in result.found}


def test_times_are_searched_in_pairs_beside_the_first_revision_and_exact_values_in_single_processes():
    pairing = Pairing(slower_from(11), blocks_from(3))
    result, lines = bisected(pairing, Revisions(16), metrics=("latency", "macs"))
    assert ended(result) == {"latency": (Ended.FOUND, 11), "macs": (Ended.FOUND, 3)}
    assert set(pairing.alone) & set(pairing.pairs) == set()
    assert (result.runs, result.measured) == (
        len(pairing.pairs) + len(pairing.alone) + 1,
        len(set(pairing.pairs + pairing.alone)),
    )
    assert pairing.placed == [11]
    assert any(line.startswith('r11 "number 11": latency +10.5%') for line in lines)
    assert "macs +33.3%: changed; none left" in "".join(lines)
    assert "; the search takes a wrong turn with a probability of at most 5%" in render(result)


def test_exact_values_alone_take_one_pair_for_both_ends():
    pairing = Pairing(blocks=blocks_from(5))
    result, _ = bisected(pairing, Revisions(64), metrics=("macs",))
    assert ended(result) == {"macs": (Ended.FOUND, 5)}
    assert (pairing.pairs, len(pairing.alone), pairing.placed) == ([64], 6, [])
    assert result.error_rate == 0.0
    assert "wrong turn" not in render(result)


def test_what_did_not_change_is_alike_and_not_the_code():
    result, _ = bisected(Pairing(), Revisions(8))
    assert {one.answer.ended for one in result.found} == {Ended.ALIKE}
    assert "what changed is not the code, but installed packages, the driver or the machine" in render(result)


@pytest.mark.parametrize("how", ["broken", "absent", "gone"])
def test_revisions_that_cannot_be_measured_are_passed_over_and_named(how):
    out = {7, 8, 9}
    revisions = Revisions(16, gone=out if how == "gone" else ())
    more = {} if how == "gone" else {how: out}
    result, _ = bisected(Pairing(slower_from(8), **more), revisions, metrics=("latency",))
    found = result.found[0]
    assert (found.answer.ended, found.answer.good, found.answer.bad) == (Ended.BETWEEN, 6, 10)
    assert {step.name for step, _ in found.passed} <= {"r7", "r8", "r9"}
    why = {"broken": "it fails there", "absent": "another case", "gone": "it does not check out"}[how]
    assert all(why in told for _, told in found.passed)
    assert "among these 4, with +10." in render(result)
    assert 'of it: r7 "number 7" to r10 "number 10"' in render(result).replace(")", "")


def test_a_test_that_an_end_does_not_have_is_told_and_the_others_are_searched():
    class OneAbsent(Pairing):
        def pair(self, base, tree, tests, number=1, *, placing=False):
            for run in super().pair(base, tree, tests, number, placing=placing):
                run.absent = run.test == "u"
                run.others = ("old",) if run.absent else ()
                yield run

    result, _ = bisected(OneAbsent(blocks=blocks_from(5)), Revisions(8), ("t", "u"), metrics=("macs",))
    assert ended(result) == {"macs": (Ended.FOUND, 5)}
    assert "u: not searched for, r0 has no such test (it has old); with --own-tests it is run as it is" in render(
        result
    )


def test_a_search_goes_on_where_it_was_left(tmp_path):
    file = tmp_path / "memory.jsonl"
    first = Pairing(slower_from(11))
    result, _ = bisected(first, Revisions(16), memory=Memory(file), metrics=("latency",))
    again = Pairing(slower_from(11))
    resumed, _ = bisected(again, Revisions(16), memory=Memory(file), metrics=("latency",))
    assert ended(resumed) == ended(result)
    # The ends are measured once more, which tells what there is to search for.
    assert (len(first.pairs), again.pairs) == (len(first.pairs), [16])
    assert resumed.measured == result.measured


def test_where_the_base_fails_now_and_then_the_revision_is_measured_again():
    class Chance(Pairing):
        def pair(self, base, tree, tests, number=1, *, placing=False):
            for run in super().pair(base, tree, tests, number, placing=placing):
                if number == 3:
                    run.base.trouble = run.obstacle = "it was killed"
                yield run

    result, _ = bisected(Chance(slower_from(11)), Revisions(16), metrics=("latency",))
    assert ended(result) == {"latency": (Ended.FOUND, 11)}
    assert result.found[0].passed == ()


def test_what_came_out_is_plain_values_as_well():
    result, _ = bisected(Pairing(slower_from(11), blocks_from(3)), Revisions(16))
    told = to_json(result)
    latency, throughput, macs = told["checks"]
    assert (told["format"], told["schema"]) == ("pytest-modelbench bisection", 1)
    assert throughput["whole"]["ratio"] == pytest.approx(1 / latency["whole"]["ratio"])
    assert throughput["whole"]["low_ratio"] < throughput["whole"]["ratio"] < throughput["whole"]["high_ratio"]
    assert (latency["ended"], latency["first_after"]["name"], latency["several"]) == ("found", "r11", False)
    assert macs["whole"] == {
        "ratio": pytest.approx(4 / 3),
        "low_ratio": pytest.approx(4 / 3),
        "high_ratio": pytest.approx(4 / 3),
    }
    assert (told["error_rate"], told["revisions"], told["interrupted"]) == (0.05, 16, False)


def test_when_the_time_is_over_it_ends_and_says_that_it_goes_on(tmp_path):
    file = tmp_path / "memory.jsonl"
    pairing = Pairing(slower_from(11))
    result, lines = bisected(pairing, Revisions(16), memory=Memory(file), ends_early=True, metrics=("latency",))
    assert (result.interrupted, len(lines)) == (True, 1)
    assert "run the same command again to go on from here" in render(result)
    assert "wrong turn" not in render(result)
    assert pairing.placed == []
    again, _ = bisected(Pairing(slower_from(11)), Revisions(16), memory=Memory(file), metrics=("latency",))
    assert ended(again) == {"latency": (Ended.FOUND, 11)}


def test_a_run_that_was_cut_short_is_as_if_it_had_not_been():
    class Cut(Pairing):
        def pair(self, base, tree, tests, number=1, *, placing=False):
            for run in super().pair(base, tree, tests, number, placing=placing):
                run.candidate.cut = number == 4
                run.candidate.trouble = "the budget was over" if number == 4 else ""
                yield run

    result, _ = bisected(Cut(slower_from(11)), Revisions(16), metrics=("latency",))
    assert ended(result) == {"latency": (Ended.FOUND, 11)}
    assert result.found[0].passed == ()


def test_an_end_that_fails_once_is_measured_once_more():
    class Once(Pairing):
        def pair(self, base, tree, tests, number=1, *, placing=False):
            for run in super().pair(base, tree, tests, number, placing=placing):
                run.obstacle = "it was killed" if number == 1 else ""
                yield run

    result, _ = bisected(Once(slower_from(11)), Revisions(16), metrics=("latency",))
    assert (ended(result), result.missed) == ({"latency": (Ended.FOUND, 11)}, ())


def test_a_commit_that_does_not_measure_a_check_is_passed_over_for_that_check():
    result, _ = bisected(Pairing(slower_from(11), blocks_from(12), silent={8}), Revisions(16), metrics=("macs",))
    assert ended(result) == {"macs": (Ended.FOUND, 12)}
    assert [(step.name, why) for step, why in result.found[0].passed] == [("r8", "it does not measure macs there")]


def test_checks_of_one_test_that_changed_at_other_commits_are_all_found():
    there_and_back = lambda at: 3 + (4 <= at < 8) + (at >= 14)  # noqa: E731
    result, _ = bisected(Pairing(slower_from(3), there_and_back), Revisions(16))
    assert ended(result)["latency"] == ended(result)["throughput"] == (Ended.FOUND, 3)
    assert ended(result)["macs"] in {(Ended.FOUND, 4), (Ended.FOUND, 14)}
    render(result)


@pytest.mark.parametrize("metric", ["latency", "macs"])
def test_a_process_that_dies_once_is_chance_and_its_commit_is_measured_again(metric):
    pairing = Pairing(slower_from(8), blocks_from(8), died=[8])
    result, _ = bisected(pairing, Revisions(16), metrics=(metric,))
    assert ended(result) == {metric: (Ended.FOUND, 8)}
    assert result.found[0].passed == ()


def test_a_name_that_no_check_has_is_refused_with_those_that_there_are():
    with pytest.raises(
        UsageError, match=r"no check is called 'latncy' at both ends.*'latency'.*There are: latency, macs"
    ):
        bisected(Pairing(), Revisions(4), metrics=("latncy",))


def test_where_no_test_can_be_searched_for_that_is_an_error_that_says_why():
    with pytest.raises(UsageError, match="nothing to search for\nt: it fails at r4"):
        bisected(Pairing(broken={4}), Revisions(4))


def test_a_search_that_was_ended_is_told_as_unfinished_and_not_as_noise():
    result, _ = bisected(Pairing(slower_from(11)), Revisions(16), ends_early=True, metrics=("latency",))
    assert {one.answer.ended for one in result.found} == {Ended.UNFINISHED}
    assert "which of them is not known yet" in render(result)
    assert "noise" not in render(result)


def test_commands_that_search_on_repeat_what_was_asked_and_are_quoted():
    pairing = Pairing(blocks=lambda at: 3 + (at >= 5) + 2 * (at >= 12))
    audience = Audience()
    one = Bisecting(Revisions(16), Aim(LOOKS, ("macs",)), audience, typed=lambda test: "sub/it's.py", now_s=lambda: 0.0)
    one.run(pairing, ["t"])
    told = render(one.result(("pytest-modelbench", "bisect", "--metric", "macs")))
    assert """pytest-modelbench bisect --metric macs r0..r11 'sub/it'"'"'s.py'""" in told
