"""Phases of a step, timed by a clock that moves only when a phase says so: every number is exact."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.blocks import Amount
from pytest_modelbench.core.errors import MeasureError, UsageError
from pytest_modelbench.measure.lockstep import InTurns
from pytest_modelbench.measure.phases import (
    PhaseClock,
    PhasedSamples,
    sample_phases,
    sample_runs,
)
from pytest_modelbench.measure.plan import SamplingPlan
from pytest_modelbench.measure.samples import Block
from pytest_modelbench.measure.sampling import Alone, Conditions, Target, sample
from pytest_modelbench.testing.clock import FakeClock

MS = 1_000_000
NAMES = ("forward", "backward")
TWO_BLOCKS = SamplingPlan(min_blocks=2, max_blocks=2)


def test_each_phase_has_its_seconds_per_iteration_beside_the_same_reference() -> None:
    clock = FakeClock()
    step = clock.step(("forward", 2 * MS), ("backward", 5 * MS))
    samples = sample_phases(step, NAMES, clock, Alone(clock.work(5 * MS)), TWO_BLOCKS)
    assert samples.whole.inner_target == 3
    assert [block.reference_s for block in samples.whole.blocks] == [(0.005, 0.005)] * 2
    assert samples.whole.target_s == pytest.approx((0.007,) * 4, rel=1e-12)
    for name, seconds in (("forward", 0.002), ("backward", 0.005)):
        phase = samples.phase(name)
        assert phase.target_s == pytest.approx((seconds,) * 4, rel=1e-12)
        assert phase.log_ratio == pytest.approx(math.log(seconds / 0.005), abs=1e-12)
        assert [block.reference_s for block in phase.blocks] == [(0.005, 0.005)] * 2
        assert (phase.inner_target, phase.warmup_iterations, phase.best_reference_s) == (3, 7, 0.005)


def test_the_whole_is_sampled_just_as_without_phases() -> None:
    plain, phased = FakeClock(), FakeClock()
    expected = sample(
        Target(plain.work(7 * MS), plain), Alone(plain.work(5 * MS)), conditions=Conditions(renew=plain.work(1))
    )
    samples = sample_phases(
        phased.step(("forward", 2 * MS), ("backward", 5 * MS)),
        NAMES, phased, Alone(phased.work(5 * MS)), conditions=Conditions(renew=phased.work(1)),
    )  # fmt: skip
    assert phased.now_ns == plain.now_ns
    assert phased.waits == plain.waits
    assert len(phased.reads) == len(plain.reads)  # the device is waited for as often, however many marks there are
    assert samples.whole.target_s == pytest.approx(expected.target_s, rel=1e-12)
    assert (samples.whole.inner_target, samples.whole.warmup_iterations) == (
        expected.inner_target,
        expected.warmup_iterations,
    )


def test_phases_that_come_several_times_in_a_step_are_added_up() -> None:
    clock = FakeClock()
    step = clock.step(("forward", 10 * MS), ("backward", 30 * MS), ("forward", 20 * MS), ("backward", 40 * MS))
    samples = sample_phases(step, NAMES, clock, Alone(), TWO_BLOCKS)
    assert samples.phase("forward").target_s == pytest.approx((0.03,) * 4, rel=1e-12)
    assert samples.phase("backward").target_s == pytest.approx((0.07,) * 4, rel=1e-12)


def test_what_follows_the_last_mark_belongs_to_the_last_phase() -> None:
    clock = FakeClock()
    marked = clock.step(("forward", 10 * MS), ("backward", 30 * MS))

    def step(mark: Callable[[str], object]) -> None:
        marked(mark)
        clock.now_ns += 5 * MS

    samples = sample_phases(step, NAMES, clock, Alone(), TWO_BLOCKS)
    assert samples.whole.target_s == pytest.approx((0.045,) * 4, rel=1e-12)
    assert samples.phase("backward").target_s == pytest.approx((0.035,) * 4, rel=1e-12)


@given(
    costs_us=st.lists(st.integers(50, 200_000), min_size=1, max_size=4),
    reference_us=st.integers(200, 100_000),
)
def test_phases_add_up_to_the_whole_in_every_sample(costs_us: list[int], reference_us: int) -> None:
    clock = FakeClock()
    names = [f"phase {number}" for number in range(len(costs_us))]
    step = clock.step(*((name, cost_us * 1000) for name, cost_us in zip(names, costs_us, strict=True)))
    samples = sample_phases(step, names, clock, Alone(clock.work(reference_us * 1000)))
    parts = zip(*(samples.phase(name).target_s for name in names), strict=True)
    assert [sum(part) for part in parts] == pytest.approx(samples.whole.target_s, rel=1e-12)
    for name, cost_us in zip(names, costs_us, strict=True):
        assert samples.phase(name).median_s == pytest.approx(cost_us / 1e6, rel=1e-9)


def test_phases_of_a_disturbed_block_are_dropped_with_it() -> None:
    clock = FakeClock()
    cost_ns = [30 * MS]

    def step(mark: Callable[[str], object]) -> None:
        clock.now_ns += cost_ns[0]
        mark("forward")
        clock.now_ns += 30 * MS
        mark("backward")

    answers = [False, True, False, False]  # the first is about the warm-up

    def disturbed() -> bool:
        answer = answers.pop(0)
        cost_ns[0] = 900 * MS if len(answers) == 3 else 30 * MS
        return answer

    samples = sample_phases(step, NAMES, clock, Alone(), TWO_BLOCKS, Conditions(disturbed))
    assert (samples.whole.repeated, len(samples.whole.blocks)) == (1, 2)
    assert samples.phase("forward").target_s == pytest.approx((0.03,) * 4, rel=1e-12)


def test_a_reading_lets_go_of_its_marks() -> None:
    timer = PhaseClock(FakeClock(), ["forward"])
    for _ in range(2):
        marks = [timer.mark()]
        timer.phase("forward")
        marks.append(timer.mark())
        assert timer.elapsed_s(marks) == [0.0]
        assert marks == [0, 2]  # from the start again: events of a device are not gathered


@pytest.mark.parametrize("marked", [("forward",), ("forward", "backward", "optimizer"), ("forwards", "backward")])
def test_a_step_that_marks_other_phases_is_an_error_that_names_them(marked: tuple[str, ...]) -> None:
    clock = FakeClock()
    step = clock.step(*((name, 30 * MS) for name in marked))
    with pytest.raises(MeasureError, match=f"marked the end of {', '.join(sorted(marked))}, and was to mark forward"):
        sample_phases(step, NAMES, clock, Alone())


def test_a_step_that_marks_nothing_is_an_error() -> None:
    clock = FakeClock()
    with pytest.raises(MeasureError, match="marked no phases at all, and was to mark forward, backward"):
        sample_phases(lambda mark: clock.work(30 * MS)(), NAMES, clock, Alone())


def test_a_phase_too_short_for_the_clock_is_an_error_that_names_it() -> None:
    clock = FakeClock()
    step = clock.step(("forward", 30 * MS), ("backward", 0))
    with pytest.raises(MeasureError, match=r"the fake clock measured 0\.0 s for the phase 'backward' of 1 calls"):
        sample_phases(step, NAMES, clock, Alone())


def test_an_unknown_phase_is_a_usage_error_that_lists_them() -> None:
    clock = FakeClock()
    samples = sample_phases(clock.step(("forward", 30 * MS)), ["forward"], clock, Alone())
    with pytest.raises(UsageError, match="no phase 'optimizer'; timed were forward"):
        samples.phase("optimizer")


class Turns:
    """``answers`` of the controller, one for each question."""

    def __init__(self, answers: list[bool]) -> None:
        self.answers = answers
        self.told: list[float] = []

    def ready(self, case: str, amount: Amount) -> int:
        assert (case, amount.planned, amount.repeats) == ("case", 2, 3)
        return 7

    def wait(self) -> bool:
        return self.answers.pop(0)

    def done(self, log_ratio: float, disturbed: bool) -> None:
        self.told.append(log_ratio)


@pytest.mark.parametrize("forward_ms", [5, 400], ids=["warmed up again each turn", "long enough without"])
def test_phases_of_samples_taken_in_turns(forward_ms: int) -> None:
    clock = FakeClock()
    turns = Turns([True] * 4 + [False])
    step = clock.step(("forward", forward_ms * MS), ("backward", 2 * forward_ms * MS))
    lead = InTurns(turns, "case")
    samples = sample_phases(step, NAMES, clock, lead, TWO_BLOCKS)
    forward_s = forward_ms / 1e3
    assert lead.timing == 7
    assert turns.told == pytest.approx([math.log(3 * forward_s)] * 4, abs=1e-12)
    assert samples.phase("forward").target_s == pytest.approx((forward_s,) * 4, rel=1e-12)
    assert samples.phase("backward").log_ratio == pytest.approx(math.log(2 * forward_s), abs=1e-12)
    assert samples.whole.log_ratio == pytest.approx(math.log(3 * forward_s), abs=1e-12)


def test_without_another_process_a_block_is_measured_alone() -> None:
    clock = FakeClock()
    step = clock.step(("forward", 10 * MS), ("backward", 30 * MS))
    samples = sample_phases(step, NAMES, clock, InTurns(Turns([False]), "case"), TWO_BLOCKS)
    assert samples.phase("backward").blocks == (Block((pytest.approx(0.03), pytest.approx(0.03))),)


def test_runs_are_means_over_their_iterations_read_once_each() -> None:
    clock = FakeClock()
    costs_ms = iter([1, 2, 3, 5, 6, 7])

    def step(mark: Callable[[str], object]) -> None:
        clock.now_ns += next(costs_ms) * MS
        mark("forward")
        clock.now_ns += 10 * MS
        mark("backward")

    runs = sample_runs(step, NAMES, clock, runs=2, iterations=3)
    assert (runs.runs, runs.iterations) == (2, 3)
    assert runs.phases_s["forward"] == pytest.approx((0.002, 0.006))
    assert runs.sum_s("backward") == pytest.approx((0.01, 0.01))
    assert runs.sum_s() == runs.sum_s("forward", "backward") == pytest.approx((0.012, 0.016))
    assert clock.reads == [2 + 2 * 3] * 2


@pytest.mark.parametrize("counts", [{"runs": 0}, {"iterations": 0}])
def test_no_runs_at_all_are_refused(counts: dict[str, int]) -> None:
    clock = FakeClock()
    with pytest.raises(UsageError, match="there is at least one of each"):
        sample_runs(clock.step(("forward", MS)), ["forward"], clock, **counts)


def test_samples_of_phases_are_values() -> None:
    clock = FakeClock()
    samples = sample_phases(clock.step(("forward", 30 * MS)), ["forward"], clock, Alone())
    assert isinstance(samples, PhasedSamples)
    assert samples.phase("forward").target_s == samples.whole.target_s


def test_phases_do_not_import_torch() -> None:
    code = "import sys, pytest_modelbench.measure.phases; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
