"""How much of a model its measures reach: kept with each figure, and told once where parts of it never run."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pytest_modelbench.bench import timing
from pytest_modelbench.bench import train_step as training
from pytest_modelbench.bench.modelbench import ModelBench
from pytest_modelbench.bench.process import Bench
from pytest_modelbench.bench.reach import Reached, watched
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.errors import BuildError, UnreachedWarning
from pytest_modelbench.core.measurement import Measurement
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.measure.plan import SamplingPlan
from pytest_modelbench.measure.reach import Watch
from pytest_modelbench.models.build import BuiltModel, build

TEST = "tests/test_it.py::test_it"
SHORT = SamplingPlan(min_sample_s=1e-4, target_s=0, min_blocks=1, max_blocks=1)


class TwoTowers(nn.Module):
    """As CLIP has them: either may go without the other."""

    def __init__(self) -> None:
        super().__init__()
        self.visual = nn.Linear(3 * 8 * 8, 4)
        self.text = nn.Sequential(nn.Embedding(50, 6), nn.Linear(6, 4))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, image: Tensor | None = None, text: Tensor | None = None) -> dict[str, Tensor | None]:
        seen = None if image is None else self.visual(image.flatten(1)) * self.scale
        read = None if text is None else self.text(text).mean(1)
        return {"image": seen, "text": read}


SHARE = round((3 * 64 * 4 + 4 + 1) / (3 * 64 * 4 + 4 + 1 + 300 + 28), 6)


class Auxiliary(nn.Module):
    """With a head that is there to train by."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.auxiliary = nn.Linear(3 * 8 * 8, 4), nn.Linear(3 * 8 * 8, 4)

    def forward(self, image: Tensor) -> Any:
        image = image.flatten(1)
        return (self.head(image), self.auxiliary(image)) if self.training else self.head(image)


def net(make: Callable[[], nn.Module] = TwoTowers, **options: Any) -> BuiltModel:
    return build(make, device=torch.device("cpu"), test_module=__name__, **{"image_size": 8, **options})


def both(batch_size: int, generator: torch.Generator) -> dict[str, Tensor]:
    text = torch.randint(50, (batch_size, 5), generator=generator)
    return {"image": torch.randn(batch_size, 3, 8, 8, generator=generator), "text": text}


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, Measurement]:
    sampled = timing.sample
    monkeypatch.setattr(timing, "sample", lambda target, lead, *, conditions: sampled(target, lead, SHORT, conditions))
    phased = training.sample_phases
    monkeypatch.setattr(training, "sample_phases", lambda *given: phased(*given[:4], SHORT, *given[5:]))
    return {}


@pytest.fixture
def measures(found: dict[str, Measurement]) -> ModelBench:
    environment = Environment("cpu", "a CPU", "cpu-a", {}, {})
    return ModelBench(Bench(Settings(), "cpu", environment, 1, lambda one: found.update({one.name: one})), TEST)


MEASURES: dict[str, Callable[[ModelBench, BuiltModel], object]] = {
    "latency": lambda bench, model: bench.latency(model),
    "throughput": lambda bench, model: bench.throughput(model),
    "cost": lambda bench, model: bench.cost(model),
    "peak_memory": lambda bench, model: bench.peak_memory(model),
    "peak_memory, backward": lambda bench, model: bench.peak_memory(model, backward=True),
    "train_step": lambda bench, model: bench.train_step(model),
    "train_peak": lambda bench, model: bench.train_peak(model),
}


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_a_tower_that_never_runs_is_told_and_kept(
    measures: ModelBench, found: dict[str, Measurement], measure: Callable[[ModelBench, BuiltModel], object]
) -> None:
    with pytest.warns(UnreachedWarning) as caught:
        measure(measures, net())
    (warning,) = caught
    assert str(warning.message) == (
        "tests/test_it.py::test_it: 328 of the 1,101 parameters of TwoTowers-b1-8-fp32 (30%) take no part in its "
        "forward pass: text (328). What is measured is the rest; pass inputs= that reach them, or build the part that "
        "is meant by itself"
    )
    assert warning.filename == __file__
    assert {one.figures["parameter_share"] for one in found.values()} == {SHARE}


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_where_all_of_it_runs_nothing_is_told(
    measures: ModelBench, found: dict[str, Measurement], measure: Callable[[ModelBench, BuiltModel], object]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnreachedWarning)
        measure(measures, net(image_size=None, inputs=both))
    assert {one.figures["parameter_share"] for one in found.values()} == {1.0}


def test_each_model_is_told_of_once_in_a_test(measures: ModelBench) -> None:
    model = net()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        measures.cost(model)
        measures.peak_memory(model)
        measures.cost(net(), name="other")
    assert [one.category for one in caught] == [UnreachedWarning] * 2


def test_heads_that_are_there_to_train_by_are_kept_and_not_told(
    measures: ModelBench, found: dict[str, Measurement]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnreachedWarning)
        measures.cost(net(Auxiliary))
    assert found["macs"].figures == {"parameter_share": 0.5}


class Masking(nn.Linear):
    def __init__(self, idle: int) -> None:
        super().__init__(8, 99)  # 891 parameters
        self.mask_token = nn.Parameter(torch.zeros(idle))


@pytest.mark.parametrize(("idle", "told"), [(8, 0), (10, 1)])
def test_a_hundredth_is_not_worth_a_word(idle: int, told: int) -> None:
    model = net(Masking, builder_args={"idle": idle}, image_size=None, inputs=(8,))
    _, reach = watched(model, lambda watch: model.forward(), BuiltModel.forward)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figures = Reached(TEST).figures(model, reach)
    assert (figures, len(caught)) == ({"parameter_share": round(891 / (891 + idle), 6)}, told)


def test_many_idle_parts_are_counted(measures: ModelBench) -> None:
    parts = nn.ModuleList(nn.Linear(8, size) for size in (1, 9, 2, 3, 4))
    with pytest.warns(UnreachedWarning, match=r"forward pass: 4 \(36\), 3 \(27\), 2 \(18\) and 1 more\. What"):
        measures.cost(net(lambda: _Second(parts), name="net", image_size=None, inputs=(8,)))


class _Second(nn.ModuleList):
    def forward(self, given: Tensor) -> Tensor:
        second: Tensor = self[1](given)
        return second


def test_compiled_code_is_seen_on_meta(measures: ModelBench, found: dict[str, Measurement]) -> None:
    model = net(compile={"backend": "eager"})
    with pytest.warns(UnreachedWarning):
        measures.latency(model)
    assert found["latency"].figures == {"parameter_share": SHARE}


def test_what_needs_values_is_seen_on_the_cpu(measures: ModelBench, found: dict[str, Measurement]) -> None:
    class Branching(TwoTowers):
        def forward(self, image: Tensor | None = None, text: Tensor | None = None) -> dict[str, Tensor | None]:
            assert image is not None
            return super().forward(image if image.max() < 1e6 else -image, text)

    with pytest.warns(UnreachedWarning):
        measures.cost(net(Branching))
    assert (found["macs"].comparability.recipe, found["macs"].figures) == ("cpu", {"parameter_share": SHARE})


def test_watching_never_fails_a_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: Any) -> None:
        raise RuntimeError("an operator that cannot be watched")

    monkeypatch.setattr(Watch, "__torch_dispatch__", broken)
    model = net(Auxiliary)
    output, reach = watched(model, lambda watch: model.forward(), BuiltModel.forward)
    assert (output.shape, reach) == ((1, 4), None)


def test_what_is_wrong_with_a_model_is_told_as_ever() -> None:
    model = net(lambda: nn.Linear(5, 5), name="net")
    with pytest.raises(BuildError, match="net-b1-8-fp32 cannot be run on cpu: RuntimeError: ") as caught:
        watched(model, lambda watch: model.forward(), BuiltModel.forward)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert caught.value.__context__ is caught.value.__cause__
