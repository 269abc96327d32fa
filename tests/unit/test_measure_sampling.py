"""The sampling loop, driven by a clock that moves only when a workload says so: every number is exact."""

from __future__ import annotations

import gc
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.blocks import Amount, Enough
from pytest_modelbench.core.errors import MeasureError, UsageError
from pytest_modelbench.measure.clocks import Clock
from pytest_modelbench.measure.plan import SamplingPlan
from pytest_modelbench.measure.samples import Block, Samples
from pytest_modelbench.measure.sampling import Alone, Conditions, Target, sample
from pytest_modelbench.testing.clock import FakeClock, series

MS = 1_000_000


def alone(
    target: Callable[[], object],
    reference: Callable[[], object] | None,
    clock: Clock,
    plan: SamplingPlan | None = None,
    *,
    best_reference_s: float | None = None,
    **conditions: Any,
) -> Samples:
    """Samples of ``target`` by a process that decides by itself."""
    return sample(Target(target, clock), Alone(reference, best_reference_s), plan, Conditions(**conditions))


def test_block_is_reference_target_target_reference_with_calibrated_counts() -> None:
    clock = FakeClock()
    plan = SamplingPlan(min_blocks=2, max_blocks=2)
    samples = alone(clock.work(7 * MS), clock.work(5 * MS, "R"), clock, plan)
    assert (samples.inner_target, samples.inner_reference) == (3, 4)
    one = "R|RRRR|T|TTT||TTT|R|RRRR|"  # the single calls are not timed: they bring back what belongs in the caches
    warm_up = "|R||RRRR||RRRR|" + "|T||TTT||TTT|"
    assert "".join(clock.log) == warm_up + one + one
    assert samples.warmup_iterations == 7
    assert samples.blocks == (Block((0.007, 0.007), (0.005, 0.005)),) * 2


def test_marks_of_a_block_are_read_once_after_it() -> None:
    clock = FakeClock()
    alone(clock.work(30 * MS), clock.work(25 * MS, "R"), clock, SamplingPlan(min_blocks=3, max_blocks=3))
    assert clock.reads == [2] * 6 + [8] * 3


def test_without_reference_a_block_is_two_targets_and_its_log_ratio_the_log_of_the_time() -> None:
    clock = FakeClock()
    samples = alone(clock.work(25 * MS), None, clock, SamplingPlan(min_blocks=2, max_blocks=2))
    assert samples.blocks == (Block((0.025, 0.025)), Block((0.025, 0.025)))
    assert samples.inner_reference == 0
    assert samples.log_ratio == pytest.approx(math.log(0.025), abs=1e-15)
    assert samples.median_s == 0.025


#: Spent in `sample` by the default plan with a reference of 5 ms, warm-up included; for one forward of so many ms.
SPENT_MS = {
    7: 45 + 49 + 8 * (2 * 20 + 2 * 21 + 2 * 5 + 7),
    28: 45 + 3 * 28 + 6 * (2 * 20 + 2 * 28 + 2 * 5 + 28),
    110: 45 + 3 * 110 + 4 * (2 * 20 + 2 * 110 + 2 * 5),
    410: 45 + 2 * 410 + 4 * (2 * 20 + 2 * 410 + 2 * 5),
}


@pytest.mark.parametrize("forward_ms", SPENT_MS)
def test_defaults_spend_on_one_model(forward_ms: int) -> None:
    clock = FakeClock()
    alone(clock.work(forward_ms * MS), clock.work(5 * MS, "R"), clock)
    assert clock.now_ns == SPENT_MS[forward_ms] * MS


def test_defaults_keep_four_models_under_eight_seconds() -> None:
    assert sum(SPENT_MS.values()) == 7619


@pytest.mark.parametrize(
    ("warm_up", "calls"),
    [
        ((900, 30), 4),  # slow first, then two that are no faster than the second
        ((30,), 3),
        ((50, 45, 40, 35, 30), 7),
        ((30, 29, 30), 4),  # 29 is faster than 30 by more than 2 %
        ((100, 99, 98, 97), 3),  # a trend below 2 % per group is noise
        ((60_000, 30), 4),  # a compiling first call does not use up the time limit
        ((410,), 2),  # 0.3 s are over after the second
        ((160, 150, 140, 130, 120), 4),  # 150 + 140 + 130 ms
    ],
)
def test_warm_up_ends_when_groups_stop_getting_faster_or_time_is_up(warm_up: tuple[int, ...], calls: int) -> None:
    clock = FakeClock()
    samples = alone(clock.work(series(*(ms * MS for ms in warm_up))), None, clock)
    assert samples.warmup_iterations == calls


def test_endless_speeding_up_stops_at_the_limit_of_groups() -> None:
    clock = FakeClock()
    faster = (round(1e9 * 0.95**n) for n in range(100))
    plan = SamplingPlan(min_sample_s=1e-6, warmup_s=math.inf, max_warmup=20)
    assert alone(clock.work(lambda: next(faster)), None, clock, plan).warmup_iterations == 20


def test_groups_far_shorter_than_a_sample_do_not_settle_the_warm_up() -> None:
    clock = FakeClock()
    assert alone(clock.work(20_000), None, clock).warmup_iterations == 1 + 10 + 100 + 1000 + 1000


def test_count_of_a_fast_target_follows_its_speed_after_the_warm_up() -> None:
    clock = FakeClock()
    samples = alone(clock.work(series(100 * MS, 20_000)), None, clock)
    assert samples.inner_target == 1000
    assert samples.target_s == (2e-5,) * 16


def test_machine_that_slows_down_leaves_the_log_ratio_as_it_was() -> None:
    clock = FakeClock()
    speed = [1]
    target = clock.work(lambda: 80 * MS * speed[0])
    reference = clock.work(lambda: 40 * MS * speed[0], "R")
    quiet = alone(target, reference, clock)
    speed[0] = 3
    slow = alone(target, reference, clock)
    assert slow.median_s == 3 * quiet.median_s == 0.24
    assert quiet.log_ratio == pytest.approx(math.log(2), abs=1e-12)
    assert slow.log_ratio == pytest.approx(math.log(2), abs=1e-12)


def test_log_ratio_is_the_median_over_blocks_so_one_bad_block_does_not_move_it() -> None:
    good, bad = Block((2.0, 2.0), (1.0, 1.0)), Block((8.0, 2.0), (1.0, 1.0))
    assert bad.log_ratio == pytest.approx(math.log(4))
    assert Samples((good, bad, good), 1, 1, 2).log_ratio == math.log(2)


def test_disturbed_blocks_are_measured_again() -> None:
    clock = FakeClock()
    answers = iter([True, False, True, True, False, False, False])  # the first is about the warm-up, and ignored
    plan = SamplingPlan(min_blocks=4, max_blocks=4)
    samples = alone(clock.work(30 * MS), None, clock, plan, disturbed=lambda: next(answers))
    assert (len(samples.blocks), samples.repeated, samples.disturbed) == (4, 2, 0)
    assert next(answers, None) is None


def test_disturbed_blocks_beyond_the_budget_stay_and_are_counted() -> None:
    clock = FakeClock()
    plan = SamplingPlan(min_blocks=4, max_blocks=4, repeat_budget=0.5)
    samples = alone(clock.work(30 * MS), None, clock, plan, disturbed=lambda: True)
    assert (len(samples.blocks), samples.repeated, samples.disturbed) == (4, 2, 4)


def alternating(*values: int) -> Callable[[], int]:
    turns = cycle(values)
    return lambda: next(turns)


@pytest.mark.parametrize(
    ("costs_ms", "blocks"),
    [
        ((30,), 5),  # they agree: as many as gather 0.3 s
        ((30, 30, 32, 32, 34, 34), 15),  # three times as many do not make blocks precise that are 6 % apart
        ((300, 300, 320, 320, 340, 340), 7),  # 2 s are three blocks more
        ((1500, 1500, 1600, 1600, 1700, 1700), 4),  # a block that lasts averages over the noise by itself
    ],
)
def test_blocks_that_disagree_are_followed_by_more(costs_ms: tuple[int, ...], blocks: int) -> None:
    clock = FakeClock()
    samples = alone(clock.work(alternating(*(ms * MS for ms in costs_ms))), None, clock)
    assert len(samples.blocks) == blocks


@pytest.mark.parametrize(("enough", "blocks"), [(Enough.PLANNED, 5), (Enough.FEWEST, 4), (Enough.AGREEING, 15)])
def test_no_more_blocks_are_taken_than_are_asked_for(enough: Enough, blocks: int) -> None:
    clock = FakeClock()
    target = Target(clock.work(alternating(*(ms * MS for ms in (30, 30, 32, 32, 34, 34)))), clock)
    assert len(sample(target, Alone(enough=enough)).blocks) == blocks


def test_fewer_blocks_are_repeated_where_fewer_are_asked_for() -> None:
    amount = Amount(8, 24, 12, 4)
    assert amount.asked(Enough.AGREEING) == amount
    assert amount.asked(Enough.PLANNED) == Amount(8, 8, 8, 4)
    assert amount.asked(Enough.FEWEST) == Amount(4, 4, 4, 4)
    assert Amount(3, 3, 4, 4).asked(Enough.FEWEST) == Amount(3, 3, 3, 4)  # never more than planned


def test_a_machine_that_has_used_up_its_repeats_is_not_asked_for_more_blocks() -> None:
    clock, answers = FakeClock(), iter([False] + 7 * [True])
    target = clock.work(alternating(*(ms * MS for ms in (30, 30, 32, 32, 34, 34))))
    samples = alone(target, None, clock, disturbed=lambda: next(answers, False))
    assert (len(samples.blocks), samples.repeated, samples.disturbed) == (5, 7, 0)


def test_what_takes_longer_than_a_spell_is_not_repeated_for_long() -> None:
    """Two samples of 3.5 s a block: two of them fit into what repeating may take."""
    clock = FakeClock()
    samples = alone(clock.work(3500 * MS), None, clock, SamplingPlan(repeat_s=20.0), disturbed=lambda: True)
    assert (len(samples.blocks), samples.repeated, samples.disturbed) == (4, 2, 4)


def test_collector_is_off_while_measuring_and_on_again_afterwards() -> None:
    clock, seen = FakeClock(), set()

    def target() -> None:
        seen.add(gc.isenabled())
        clock.now_ns += 30 * MS

    assert gc.isenabled()
    alone(target, None, clock)
    assert seen == {False}
    assert gc.isenabled()


def test_collector_is_on_again_after_an_error_and_stays_off_where_it_was_off() -> None:
    clock = FakeClock()

    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        alone(broken, None, clock)
    assert gc.isenabled()
    gc.disable()
    try:
        alone(clock.work(30 * MS), None, clock)
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("call", [2, 6], ids=["warm-up", "block"])
def test_impossible_time_is_an_error_that_names_clock_and_workload(wrong: float, call: int) -> None:
    class Broken(FakeClock):
        def elapsed_s(self, marks: Sequence[int]) -> list[float]:
            times = super().elapsed_s(marks)
            return [wrong] * len(times) if len(self.reads) == call else times

    clock = Broken()
    if wrong == 0.0 and call == 2:
        assert alone(clock.work(30 * MS), None, clock).inner_target == 1  # too short to time is no error in warm-up
        return
    with pytest.raises(MeasureError, match=rf"the fake clock measured {wrong} s for 1 calls of the target"):
        alone(clock.work(30 * MS), None, clock)


def test_clock_that_stands_still_is_told_before_a_slow_model_was_called_a_million_times() -> None:
    calls = []
    with pytest.raises(MeasureError, match=r"clock stands still: 0 s for 100 calls of the target.*freezegun"):
        alone(lambda: calls.append(1), None, FakeClock())
    assert len(calls) == 111


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_sample_s": 0},
        {"min_blocks": 0},
        {"min_blocks": 5, "max_blocks": 4},
        {"min_warmup": 9, "max_warmup": 3},
        {"repeat_budget": -1},
        {"repeat_s": -1.0},
        {"more_blocks": -1.0},
        {"more_s": math.nan},
    ],
)
def test_plan_that_cannot_be_followed_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="cannot be followed"):
        SamplingPlan(**wrong)  # type: ignore[arg-type]


@given(target_us=st.integers(50, 3_000_000), reference_us=st.integers(200, 100_000))
def test_steady_workload_is_measured_exactly_whatever_its_speed(target_us: int, reference_us: int) -> None:
    clock, plan = FakeClock(), SamplingPlan()
    samples = alone(clock.work(target_us * 1000), clock.work(reference_us * 1000, "R"), clock)
    assert samples.median_s == pytest.approx(target_us / 1e6, rel=1e-12)
    assert samples.log_ratio == pytest.approx(math.log(target_us / reference_us), abs=1e-9)
    assert plan.min_blocks <= len(samples.blocks) <= plan.max_blocks
    spent_s = sum(samples.target_s) * samples.inner_target
    assert spent_s >= plan.target_s * (1 - 1e-12) or len(samples.blocks) == plan.max_blocks
    assert samples.inner_target * samples.median_s >= plan.min_sample_s * (1 - 1e-12)


def test_loop_and_clocks_do_not_import_torch() -> None:
    code = (
        "import sys, pytest_modelbench.measure.sampling, pytest_modelbench.measure.health;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_block_in_which_the_reference_ran_slow_is_measured_again_whatever_the_target_did() -> None:
    clock, calls = FakeClock(), 0

    def reference() -> int:
        nonlocal calls
        calls += 1
        return 10 * MS if 12 <= calls < 16 else 5 * MS  # the warm-up takes eight calls, a block four and four

    plan = SamplingPlan(min_blocks=2, max_blocks=2)
    samples = alone(clock.work(7 * MS), clock.work(reference, "R"), clock, plan)
    assert (samples.repeated, samples.disturbed) == (1, 0)
    assert samples.best_reference_s == pytest.approx(0.005)
    assert {block.reference_s for block in samples.blocks} == {(0.005, 0.005)}


def test_what_is_slow_is_known_from_the_processes_before() -> None:
    clock = FakeClock()
    plan = SamplingPlan(min_blocks=2, max_blocks=2, repeat_budget=1.0)
    samples = alone(clock.work(7 * MS), clock.work(5 * MS, "R"), clock, plan, best_reference_s=0.004)
    assert (samples.repeated, samples.disturbed, samples.best_reference_s) == (2, 0, 0.004)


@pytest.mark.parametrize(
    ("slow", "blocks_ms"),
    [
        ([False] * 4, [5] * 4),
        ([True, True, False, False, False, False], [5] * 4),
        ([True, True, True, False, False, False], [6, 5, 5, 5]),
        ([True, True, True, True, True, False, True, False], [6, 6, 6, 5]),
        ([True] * 6, [6] * 4),
        ([True, False, True, False, True, False, False], [5] * 4),
    ],
)
def test_who_slows_a_third_block_in_a_row_has_come_to_stay(slow: list[bool], blocks_ms: list[int]) -> None:
    clock = FakeClock()
    plan = SamplingPlan(min_blocks=4, max_blocks=4, repeat_budget=1.0)
    blocks, now = iter(slow), [False]

    def begin() -> bool:
        """Asked before the first block, and after each: the next one begins."""
        now[0] = next(blocks, False)
        return False

    def reference() -> int:
        return 6 * MS if now[0] else 5 * MS

    samples = alone(clock.work(7 * MS), clock.work(reference, "R"), clock, plan, disturbed=begin)
    assert [round(block.reference_s[0] * 1e3) for block in samples.blocks] == blocks_ms
    assert samples.disturbed == 0


def test_before_what_was_disturbed_is_made_again_there_may_be_a_rest_that_nothing_counts_of() -> None:
    clock, asked = FakeClock(), []

    def disturbed() -> bool:
        asked.append("".join(clock.log).count("*"))
        return len(asked) == 2

    def rest() -> bool:
        clock.log.append("*")
        return True

    plan = SamplingPlan(min_blocks=2, max_blocks=2)
    samples = alone(clock.work(7 * MS), clock.work(5 * MS, "R"), clock, plan, disturbed=disturbed, rest=rest)
    assert (samples.repeated, len(samples.blocks)) == (1, 2)
    assert "".join(clock.log).count("*T") == 1
    # Before the first block and after each, and once more after the rest.
    assert asked == [0, 0, 1, 1, 1]


def test_a_reference_within_its_usual_spread_disturbs_nothing() -> None:
    clock = FakeClock()
    samples = alone(clock.work(7 * MS), clock.work(5 * MS, "R"), clock, SamplingPlan(), best_reference_s=0.0045)
    assert (samples.repeated, samples.disturbed) == (0, 0)


@pytest.mark.parametrize(("slower", "repeated"), [(1.2, 0), (1.3, 1)])
def test_of_a_device_that_boosts_only_blocks_among_themselves_tell_that_it_was_slowed(slower, repeated) -> None:
    """It is faster while it warms up, and was in an earlier timing: that is no measure of how it goes on."""
    clock = FakeClock()
    costs = [4 * MS] * 9 + [int(slower * 5 * MS)] * 10 + [5 * MS]
    lead = Alone(clock.work(series(*costs), "R"), 0.003, boosts=True)
    samples = sample(Target(clock.work(7 * MS), clock), lead, SamplingPlan(min_blocks=2, max_blocks=2))
    assert (samples.repeated, samples.best_reference_s) == (0, None)
    costs = [4 * MS] * 9 + [5 * MS] * 10 + [int(slower * 5 * MS)] * 20 + [5 * MS]
    lead = Alone(clock.work(series(*costs), "R"), 0.003, boosts=True)
    samples = sample(Target(clock.work(7 * MS), clock), lead, SamplingPlan(min_blocks=2, max_blocks=2))
    assert samples.repeated == repeated


@pytest.mark.parametrize(("blocks", "moves"), [(4, 3), (8, 3), (1, 0), (2, 1)])
def test_what_is_measured_moves_a_few_times_and_is_called_once_before_it_counts(blocks: int, moves: int) -> None:
    clock = FakeClock()
    plan = SamplingPlan(min_blocks=blocks, max_blocks=blocks)

    def renew() -> None:
        clock.log.append("*")

    samples = alone(clock.work(7 * MS), clock.work(5 * MS, "R"), clock, plan, renew=renew)
    log = "".join(clock.log)
    assert log.count("*") == log.count("*TR|") == moves
    assert len(samples.blocks) == blocks
