"""How long torch.compile takes: compiled anew each time it is asked, exact on given times, refused where it is not."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from pytest_modelbench.bench import compiling
from pytest_modelbench.bench.compiling import CompileTime, compile_measurement, compile_time
from pytest_modelbench.core.errors import MeasureError, UsageError
from pytest_modelbench.models.build import BuiltModel, build

CPU = torch.device("cpu")


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.conv(images).relu()


class Counting:
    """A backend that compiles nothing, and counts how often it is asked to."""

    def __init__(self) -> None:
        self.graphs = 0

    def __call__(self, graph, inputs):
        self.graphs += 1
        return graph.forward


def compiled(backend: object) -> BuiltModel:
    return build(Net, device=CPU, image_size=8, compile={"backend": backend})


@pytest.fixture(autouse=True)
def _forgotten():
    yield
    torch.compiler.reset()


@pytest.mark.slow
def test_a_model_is_compiled_anew_and_once_each_time():
    counting = Counting()
    model = compiled(counting)
    model.forward()
    assert counting.graphs == 1
    for graphs in (2, 3):
        found = compile_time(model)
        assert counting.graphs == graphs
        assert found.first_s > found.call_s > 0
    model.forward()
    assert counting.graphs == 3  # what was compiled last is used on


@pytest.mark.slow
def test_a_model_that_was_never_run_is_compiled_once():
    counting = Counting()
    compile_time(compiled(counting))
    assert counting.graphs == 1


def test_the_figure_is_the_first_pass_less_the_next(monkeypatch):
    times = iter([12.5, 2.0, 0.5, 0.75])
    monkeypatch.setattr(compiling, "_seconds", lambda call, device: next(times))
    model = compiled("eager")
    found = compile_time(model)
    assert found == CompileTime(12.5, 0.5)
    one = compile_measurement(found, model, "")
    assert (one.name, one.value, one.samples, one.metric.noisy) == ("compile_time", 12.0, (12.0,), True)
    assert one.log_ratio == pytest.approx(math.log(12))
    assert one.figures == {"first_s": 12.5, "call_s": 0.5}


def test_what_is_not_compiled_is_refused(monkeypatch):
    with pytest.raises(UsageError, match="is not compiled: build it with compile=True"):
        compile_time(build(Net, device=CPU, image_size=8))
    times = iter([0.5, 0.5, 0.5, 0.5])
    monkeypatch.setattr(compiling, "_seconds", lambda call, device: next(times))
    with pytest.raises(MeasureError, match="nothing was compiled"):
        compile_time(compiled("eager"))


@pytest.mark.long
def test_inductor_neither_finds_nor_leaves_anything_in_its_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    model = compiled("inductor")
    model.forward()
    kept = sorted(tmp_path.rglob("*"))
    assert kept
    again = compile_time(model)
    assert again.seconds > 10 * again.call_s
    assert sorted(tmp_path.rglob("*")) == kept
