"""What throughput counts: images, clips or samples, by what goes in, or what the test says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from pytest_modelbench.bench import timing
from pytest_modelbench.bench.modelbench import ModelBench
from pytest_modelbench.bench.process import Bench
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.measurement import Measurement
from pytest_modelbench.core.reasons import OtherKey
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.core.units import Handled
from pytest_modelbench.core.verdicts import BaselineView
from pytest_modelbench.judge.judging import obstacle_to_comparison
from pytest_modelbench.judge.procedure import Compared
from pytest_modelbench.measure.health import HealthProbe, Reading
from pytest_modelbench.models.build import BuiltModel, build
from pytest_modelbench.testing.clock import FakeClock

TEST = "tests/test_it.py::test_it"
MS = 1_000_000


def net(inputs: Any = None, batch_size: int = 2) -> BuiltModel:
    return build(nn.Identity, device=torch.device("cpu"), batch_size=batch_size, inputs=inputs, name="net")


def listed(batch_size: int, generator: torch.Generator) -> Any:
    return ([torch.rand(3, 8, 8 + index) for index in range(batch_size)],)


@pytest.mark.parametrize(
    ("inputs", "samples"),
    [
        (None, "images"),
        ((1, 8, 8), "images"),
        ({"pixel_values": (3, 8, 8)}, "images"),
        (lambda n, g: torch.zeros(n, 3, 8, 8, dtype=torch.uint8), "images"),
        (listed, "images"),
        ((3, 4, 8, 8), "clips"),
        ((1, 16000), "samples"),
        ([(3, 8, 8), (3, 8, 8)], "samples"),
        ({"image": (3, 8, 8), "text": (77,)}, "samples"),
        (lambda n, g: torch.zeros(n, 77, dtype=torch.int64), "samples"),
        (lambda n, g: torch.zeros(6 * n, 3, 8, 8), "samples"),  # several crops of each
        (lambda n, g: ([torch.rand(3, 8, 8), torch.rand(8)],), "samples"),
    ],
    ids=["none", "shape", "name", "bytes", "list", "video", "audio", "two", "names", "text", "crops", "mixed"],
)
def test_what_goes_in_says_what_is_counted(inputs: Any, samples: str) -> None:
    assert timing.handled_by(net(inputs)) == Handled(2, samples)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_list_of_images_is_as_long_as_the_batch(batch_size: int) -> None:
    assert timing.handled_by(net(listed, batch_size)) == Handled(batch_size, "images")


@pytest.fixture
def found() -> dict[str, Measurement]:
    return {}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, clock: FakeClock, found: dict[str, Measurement]) -> ModelBench:
    reference = SimpleNamespace(id="conv", run=clock.work(20 * MS), renew=lambda: None)
    monkeypatch.setattr(timing, "reference_workload", lambda device: reference)
    monkeypatch.setattr(timing, "clock_for", lambda device: clock)
    monkeypatch.setattr(timing, "probe_of", lambda bench, clock: HealthProbe(lambda: Reading(0.0)))
    environment = Environment("cpu", "a CPU", "cpu-a", {}, {})
    return ModelBench(Bench(Settings(), "cpu", environment, 1, lambda one: found.update({one.name: one})), TEST)


def test_a_unit_of_ones_own_is_counted_in(bench: ModelBench, clock: FakeClock, found: dict[str, Measurement]) -> None:
    work = clock.work(40 * MS)
    bench.throughput(work, case="net", count=616, unit="tokens")
    bench.throughput(work, case="net", images=8, name="of_images")
    tokens, images = found["throughput"], found["of_images"]
    assert (tokens.value, tokens.metric.unit) == (pytest.approx(616 / 0.04), "tokens/s")
    assert tokens.samples == pytest.approx((616 / 0.04,) * len(tokens.samples))
    assert (images.value, images.metric.unit) == (pytest.approx(8 / 0.04), "images/s")


def test_another_unit_is_not_compared(bench: ModelBench, clock: FakeClock, found: dict[str, Measurement]) -> None:
    bench.throughput(clock.work(40 * MS), case="net", count=8, unit="clips")
    one = found["throughput"]
    stored = BaselineView("net", "images/s", one.metric.better, 200.0, one.comparability, anchor=(one.log_ratio,))
    assert obstacle_to_comparison(Compared((one,), stored, {}, {})) == OtherKey("unit", "images/s", "clips/s")


def test_a_batch_may_be_counted_otherwise() -> None:
    text = net(lambda n, g: torch.zeros(n, 77, dtype=torch.int64))
    assert timing.handled_by(text, unit="captions") == Handled(2, "captions")
    assert timing.handled_in(text, None, 2 * 77, "tokens", TEST) == Handled(154, "tokens")
    assert timing.handled_in(text, 2, None, "", TEST) == Handled(2, "images")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "needs images=, how many one call handles, or count= and unit= of other things"),
        ({"count": 8}, "needs images="),
        ({"unit": "clips"}, "needs images="),
        ({"images": 8, "unit": "clips"}, "images=8 says of what how many; leave count= and unit= out"),
        ({"images": 0}, "throughput of 0 images: write a whole number, how many one call handles"),
        ({"images": 2.5}, r"throughput of 2\.5 images: write a whole number"),
        ({"count": 8, "unit": "clips/s"}, "unit='clips/s': write in one word what is counted, as 'clips'; '/s'"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_timed(
    bench: ModelBench, given: dict[str, Any], message: str
) -> None:
    def never() -> None:
        raise AssertionError("timed")

    with pytest.raises(UsageError, match=message):
        bench.throughput(never, case="net", **given)


def test_a_count_of_a_models_batch_needs_its_unit() -> None:
    with pytest.raises(UsageError, match="net-b2-224-fp32: count=154 of what\\? Say it with unit="):
        timing.handled_by(net(), 154)
