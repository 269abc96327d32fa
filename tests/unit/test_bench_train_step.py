"""What is recorded of a training step: exact figures on a fake clock, and a real model on the CPU."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pytest_modelbench.bench import timing
from pytest_modelbench.bench import train_step as fixture
from pytest_modelbench.bench.modelbench import ModelBench
from pytest_modelbench.bench.peak import FollowedPeak, step_peak
from pytest_modelbench.bench.process import Bench
from pytest_modelbench.bench.train_step import SpeedRuns, StepPlan, TrainFigures, speed_runs
from pytest_modelbench.core.blocks import Amount
from pytest_modelbench.core.breakdown import Breakdown
from pytest_modelbench.core.case import Case
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.errors import MeasureError
from pytest_modelbench.core.measurement import Comparability, Measurement, Quality
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.core.train_options import TrainOptions
from pytest_modelbench.measure.memory import AllocatedPeak, LivePeak
from pytest_modelbench.measure.phases import PhasedRuns
from pytest_modelbench.measure.plan import SamplingPlan
from pytest_modelbench.models.build import BuiltModel, build
from pytest_modelbench.published.speed_lines import lines
from pytest_modelbench.testing.clock import FakeClock
from pytest_modelbench.workers.runs import PairedTiming, PairRun, TestRun

CPU = torch.device("cpu")
MS = 1_000_000
TEST = "tests/test_it.py::test_it"
PHASE_MS = {"forward": 10, "backward": 25, "optimizer": 5}
TIMES_ALONE = StepPlan(memory=False)
#: For real steps, whose times are of no interest here.
SHORT = SamplingPlan(min_sample_s=1e-4, target_s=0, min_blocks=1, max_blocks=1)


class FakeStep:
    """A step of 40 ms on a clock, in place of a real one."""

    clock: FakeClock
    recipe = ""
    log: list[str]

    def __init__(self, model: BuiltModel, options: TrainOptions) -> None:
        self.case = Case("net", 4, (8, 8), mode="train")
        self.tensors = tuple

    def __enter__(self) -> FakeStep:
        self.log.append("enter")
        return self

    def __exit__(self, *error: object) -> None:
        self.log.append("exit")

    def __call__(self, mark: Callable[[str], object] = str) -> None:
        for phase, cost_ms in PHASE_MS.items():
            self.clock.work(cost_ms * MS)()
            mark(phase)

    def check_loss(self) -> None:
        self.log.append("check")


class Probe:
    """A machine that is left alone, or not."""

    def __init__(self, upset: bool = False) -> None:
        self.upset = upset

    def disturbed(self) -> bool:
        return self.upset

    def read(self) -> object:
        return SimpleNamespace(unhealthy="somebody else", gpu=None)

    def cool_down(self) -> bool:
        return False


class Turns:
    def __init__(self) -> None:
        self.answers = [True, True, False]
        self.asked: tuple[str, int] | None = None

    def ready(self, case: str, amount: Amount) -> int:
        self.asked = (case, amount.planned)
        return 3

    def wait(self) -> bool:
        return self.answers.pop(0)

    def done(self, log_ratio: float, disturbed: bool) -> None:
        pass


class Recorder:
    """Keeps what is recorded, by name; ``probe`` watches the machine."""

    def __init__(self) -> None:
        self.found: dict[str, Measurement] = {}
        self.probe = Probe()
        environment = Environment("cpu", "a CPU", "cpu-a", {}, {})
        self.bench = Bench(Settings(), "cpu", environment, 1, self.send)
        self.modelbench = ModelBench(self.bench, TEST)

    def send(self, measurement: Measurement) -> None:
        self.found[measurement.name] = measurement

    def train(self, model: Any, plan: StepPlan = TIMES_ALONE, **options: Any) -> TrainFigures:
        return fixture.train_step(
            model, self.bench, self.modelbench._record, self.modelbench._reached(), plan, **options
        )


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(12, 5)

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(images.flatten(1))


def net(**options: Any) -> BuiltModel:
    return build(Net, device=CPU, batch_size=4, image_size=2, **options)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(timing, "probe_of", lambda bench, clock: recorder.probe)
    return recorder


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    FakeStep.clock, FakeStep.log = clock, []
    reference = SimpleNamespace(id="conv", run=clock.work(20 * MS), renew=lambda: None)
    monkeypatch.setattr(fixture, "TrainStep", FakeStep)
    monkeypatch.setattr(fixture, "clock_for", lambda device: clock)
    monkeypatch.setattr(timing, "reference_workload", lambda device: reference)
    return clock


def test_times_are_recorded_whole_and_by_phase_against_the_reference(clock: FakeClock, recorder: Recorder) -> None:
    figures = recorder.train(net())
    expected_s = {"train_step": 0.04, "forward_time": 0.01, "backward_time": 0.025, "optimizer_time": 0.005}
    assert list(recorder.found) == ["train_step", "train_throughput", *list(expected_s)[1:]]
    for name, seconds in expected_s.items():
        one = recorder.found[name]
        assert (one.metric.name, one.case.id) == (name, "net-b4-8-fp32-train")
        assert one.comparability == Comparability(reference="conv")
        assert one.value == pytest.approx(seconds)
        assert one.log_ratio == pytest.approx(math.log(seconds / 0.02))
        assert one.samples == pytest.approx((seconds,) * 8)
        assert (one.quality, one.figures) == (Quality("", blocks=4, repeated=0), {})
        assert one.timing is not None
        assert (one.timing.reference_s, one.timing.best_reference_s) == (pytest.approx(0.02), 0.02)
        assert (one.timing.turn, one.timing.rate) == (None, False)
    rate = recorder.found["train_throughput"]
    assert rate.value == pytest.approx(4 / 0.04)
    assert rate.log_ratio == pytest.approx(math.log(4) - math.log(0.04 / 0.02))
    assert rate.samples == pytest.approx((100.0,) * 8)
    assert rate.timing is not None
    assert (rate.timing.rate, rate.timing.reference_s) == (True, pytest.approx(0.02))
    assert recorder.bench.best_reference_s == 0.02
    assert (figures.step_s, figures.forward_s, figures.backward_s, figures.optimizer_s) == pytest.approx(
        (0.04, 0.01, 0.025, 0.005)
    )
    assert figures.images_per_s == pytest.approx(100.0)
    assert figures.peak_bytes is None


def test_the_loss_is_checked_before_and_after_the_timing_and_not_within(clock: FakeClock, recorder: Recorder) -> None:
    recorder.train(net())
    assert FakeStep.log == ["enter", "check", "check", "exit"]


def test_a_disturbed_machine_shows_in_every_time(clock: FakeClock, recorder: Recorder) -> None:
    recorder.probe = Probe(upset=True)
    recorder.train(net())
    causes = {one.quality.disturbance for one in recorder.found.values()}
    assert causes == {"4 of 4 blocks were disturbed: somebody else"}


def test_in_a_pair_the_whole_is_its_timing_and_phases_are_compared_by_their_log_ratios(
    clock: FakeClock, recorder: Recorder
) -> None:
    turns = recorder.bench.turns = Turns()
    recorder.train(net())
    assert turns.asked == ("net-b4-8-fp32-train", 4)
    found = recorder.found
    numbers = {name: one.timing.turn for name, one in found.items() if one.timing}
    assert {name: turn for name, turn in numbers.items() if turn is not None} == {
        "train_step": 3,
        "train_throughput": 3,
    }
    assert {one.comparability for one in found.values()} == {Comparability()}
    assert found["forward_time"].log_ratio == pytest.approx(math.log(0.01))

    # What the session makes of it: the base's forward pass took 5 ms, its whole step 80 % of the candidate's.
    base = TestRun(TEST, 1, measurements=[_at(found["forward_time"], 0.005), _at(found["train_step"], 0.001)])
    pair = PairRun(TEST, 1, base=base, timings={3: PairedTiming("net-b4-8-fp32-train", (math.log(1 / 0.8),))})
    assert pair.change(found["forward_time"]) == pytest.approx(math.log(2))
    assert pair.change(found["train_step"]) == pytest.approx(math.log(1 / 0.8))
    assert pair.change(found["train_throughput"]) == pytest.approx(math.log(0.8))


def _at(measurement: Measurement, seconds: float) -> Measurement:
    assert measurement.timing is not None
    return replace(measurement, value=seconds, timing=replace(measurement.timing, log_ratio=math.log(seconds)))


def test_name_goes_in_front_and_the_band_is_for_times(recorder: Recorder) -> None:
    recorder.train(net(), StepPlan(name="abn", band="20%", sampling=SHORT))
    assert list(recorder.found) == [
        "abn_train_step", "abn_train_throughput", "abn_forward_time", "abn_backward_time", "abn_optimizer_time",
        "abn_train_peak_live_memory",
    ]  # fmt: skip
    bands = {name: one.metric.band.text for name, one in recorder.found.items()}
    assert set(bands.values()) == {"20%", "1%"}
    assert bands["abn_train_peak_live_memory"] == "1%"


def test_a_real_step_is_timed_and_its_peak_followed_beside_that_of_a_single_pass(recorder: Recorder) -> None:
    model = net()
    before = [tensor.detach().clone() for tensor in model.tensors()]
    figures = recorder.train(model, StepPlan(sampling=SHORT), accumulate=2, optimizer="adamw")
    for backward in (False, True):  # nothing of the same name
        recorder.modelbench.peak_memory(model, backward=backward)
    assert {f"{way}{what}" for way in ("", "backward_") for what in ("peak_live_memory", "memory_growth")} <= set(
        recorder.found
    )
    peak = recorder.found["train_peak_live_memory"]
    assert peak.case.id == f"{__name__}.Net-b4-2-fp32-adamw+accumulate=2-train"
    assert (peak.metric.name, peak.comparability) == ("peak_live_memory", Comparability(recipe="meta"))
    assert figures.live is not None
    assert peak.value == figures.peak_bytes == figures.live.peak_bytes
    assert figures.images == 8
    phases_s = (figures.samples.phase(phase).target_s for phase in PHASE_MS)
    assert [sum(parts) for parts in zip(*phases_s, strict=True)] == pytest.approx(figures.samples.whole.target_s)
    assert all(torch.equal(now, then) for now, then in zip(model.tensors(), before, strict=True))


def test_memory_of_the_second_step_is_more_than_that_of_a_single_pass() -> None:
    weights = 5 * 12 * 4 + 5 * 4
    first = step_peak(net(), TrainOptions(momentum=0.0)).live.peak_bytes
    # Momentum of weight and bias, 512 bytes each.
    assert step_peak(net(), TrainOptions()).live.peak_bytes == first + 2 * 512
    assert first > weights


def sharp(output: Tensor) -> Tensor:
    return output.square().mean()


def test_a_loss_of_ones_own_shows_in_every_case_and_is_compared_with_no_other(recorder: Recorder) -> None:
    recorder.train(net(), StepPlan(sampling=SHORT), loss=sharp)
    found = recorder.found
    assert {one.case.id for one in found.values()} == {f"{__name__}.Net-b4-2-fp32-loss=sharp-train"}
    own = "loss=test_bench_train_step.sharp"
    recipes = {name: one.comparability.recipe for name, one in found.items()}
    assert recipes.pop("train_peak_live_memory") == f"meta, {own}"
    assert len(recipes) == 5
    assert set(recipes.values()) == {own}
    assert found["train_step"].comparability.reference


class Branching(Net):
    """Its way depends on what it sees, which meta tensors do not tell."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images) if images.max() < 1e6 else images


def test_a_model_that_needs_values_is_followed_on_the_cpu(recorder: Recorder) -> None:
    model = build(Branching, device=CPU, batch_size=4, image_size=2)
    figures = recorder.train(model, StepPlan(sampling=SHORT))
    assert recorder.found["train_peak_live_memory"].comparability == Comparability(recipe="cpu")
    # The same net without the branch, on meta: each tensor here takes a block of 512 bytes, and so do the two of max.
    assert figures.live is not None
    assert abs(figures.live.peak_bytes - step_peak(net(), TrainOptions()).live.peak_bytes) <= 2 * 512


def test_the_peak_alone_is_recorded_as_by_a_whole_measurement(recorder: Recorder) -> None:
    options: dict[str, Any] = {"input": "ones", "accumulate": 2}
    recorder.train(net(), StepPlan(name="big", sampling=SHORT), **options)
    whole = recorder.found.pop("big_train_peak_live_memory")
    recorder.modelbench = ModelBench(recorder.bench, TEST)
    peak = recorder.modelbench.train_peak(net(), name="big", **options)
    assert recorder.found["big_train_peak_live_memory"] == whole
    assert whole.value == peak.peak_bytes


def test_on_cuda_the_allocator_is_asked_before_the_reference_takes_memory(
    clock: FakeClock, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.bench.device_name = "cuda"
    monkeypatch.setattr(
        fixture, "step_peak", lambda model, options: FollowedPeak(LivePeak(5, 1, 1), "meta", Breakdown(()))
    )

    monkeypatch.setattr(FakeStep, "recipe", "loss=sharp")

    def peak(step: Callable[[], object], device: torch.device) -> AllocatedPeak:
        FakeStep.log.append(f"peak on {device}")
        return AllocatedPeak(700, 800, 900, 100, 650, 30)

    monkeypatch.setattr(fixture, "allocated_peak", peak)
    reference = timing.reference_workload(CPU)
    monkeypatch.setattr(timing, "reference_workload", lambda device: FakeStep.log.append("reference") or reference)
    figures = recorder.train(net(), StepPlan())
    assert FakeStep.log == ["enter", "check", "peak on cuda", "reference", "check", "exit"]
    peak_of_all = recorder.found["train_peak_allocated_memory"]
    assert (peak_of_all.metric.name, peak_of_all.value) == ("peak_allocated_memory", 650)
    assert peak_of_all.comparability.recipe == "loss=sharp"
    assert peak_of_all.figures == {
        "allocated_bytes": 700, "workspace_bytes": 30, "reserved_bytes": 800, "device_bytes": 900,
    }  # fmt: skip
    assert (figures.peak_bytes, recorder.found["train_peak_live_memory"].value) == (700, 5)


def test_a_loss_that_is_not_finite_fails_before_anything_is_recorded(recorder: Recorder) -> None:
    model = net()
    with torch.no_grad():
        model.module.linear.weight.fill_(math.nan)
    with pytest.raises(MeasureError, match=r"Net-b4-2-fp32-train: the loss is nan in train step 1"):
        recorder.train(model)
    assert recorder.found == {}


RUNS = PhasedRuns(10, {"forward": (0.02, 0.04), "backward": (0.06, 0.08), "optimizer": (0.01, 0.01)})


def test_runs_of_the_comparison_tell_the_seconds_of_each_phase() -> None:
    measured = SpeedRuns(64, RUNS, 3 * 2**20, 25_557_032, "cuda")
    assert (measured.forward_s, measured.backward_s, measured.optimizer_s) == ((0.02, 0.04), (0.06, 0.08), (0.01, 0.01))
    assert measured.iterations == 10


def test_runs_of_the_comparison_are_what_its_lines_are_made_of() -> None:
    measured = SpeedRuns(64, RUNS, 3 * 2**20, 25_557_032, "cuda")
    assert lines(measured, "Resnet50 ABN", whole=True) == (
        "**Resnet50 ABN**  \nMean of 2 runs 10 iters each BS=64: 110.00+-20.00 msecs gpu. Max memory: 3.00Mb"
    )


def test_runs_of_the_comparison_are_measured_with_ones_and_leave_the_model_as_it_was() -> None:
    model = net()
    before = [tensor.detach().clone() for tensor in model.tensors()]
    measured = speed_runs(model, runs=3, iterations=2)
    assert (measured.runs.runs, measured.iterations, measured.batch_size) == (3, 2, 4)
    assert (measured.parameters, measured.device_kind) == (5 * 12 + 5, "cpu")
    assert measured.peak_bytes == step_peak(model, TrainOptions(input="ones")).live.peak_bytes
    assert all(seconds > 0 for seconds in (*measured.forward_s, *measured.backward_s, *measured.optimizer_s))
    assert all(torch.equal(now, then) for now, then in zip(model.tensors(), before, strict=True))


@pytest.mark.slow
def test_resnet18_is_measured_on_the_cpu(recorder: Recorder) -> None:
    model = build("resnet18", device=CPU, batch_size=2, image_size=64)
    figures = recorder.modelbench.train_step(model)
    phases = (phase.target_s for phase in figures.samples.phases.values())
    assert [math.fsum(parts) for parts in zip(*phases, strict=True)] == pytest.approx(figures.samples.whole.target_s)
    assert set(recorder.found) >= {"train_step", "train_throughput", "train_peak_live_memory"}
