"""What tests hand over by mistake is told in one line, where they did."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy
import pytest
import torch
from torch import Tensor, nn

from pytest_modelbench.bench.modelbench import ModelBench
from pytest_modelbench.bench.peak import PeakMemory
from pytest_modelbench.bench.process import Bench
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.errors import MeasureError, UsageError
from pytest_modelbench.core.measurement import Measurement
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.models.build import build

TEST = "tests/test_it.py::test_it"
CPU = torch.device("cpu")


class Net(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images


@pytest.fixture
def found() -> list[Measurement]:
    return []


@pytest.fixture
def measures(found: list[Measurement]) -> ModelBench:
    environment = Environment("cpu", "a CPU", "cpu-a", {}, {})
    return ModelBench(Bench(Settings(), "cpu", environment, 1, found.append), TEST)


def methods() -> list[str]:
    """Every public method whose first argument is a model."""
    public = [name for name in dir(ModelBench) if not name.startswith("_")]
    taking = [name for name in public if callable(one := getattr(ModelBench, name)) and "model" in _named(one)]
    assert len(taking) == 17
    return taking


def _named(method: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(method).parameters)


@pytest.mark.parametrize("method", methods())
def test_every_method_tells_a_module_from_a_built_model(measures: ModelBench, method: str) -> None:
    more: dict[str, Any] = {"images": 1, "case": "net"} if method == "throughput" else {}
    with pytest.raises(UsageError) as caught:
        getattr(measures, method)(Net(), **more)
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith(f"{TEST}: modelbench")
    assert "what build_model returns" in said
    assert "not a torch.nn.Module: write build_model(Net, ...) with the class and its arguments, or build_mod" in said


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("resnet50", r"modelbench\.cost takes what build_model returns, not a name: write build_model\('resnet50'\)$"),
        (print, r"modelbench\.cost takes what build_model returns, not builtin_function_or_method$"),
    ],
)
def test_other_things_are_told_as_well(measures: ModelBench, given: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        measures.cost(given)
    with pytest.raises(UsageError, match=message):
        measures.cost(model=given)


def test_what_can_be_timed_may_be_called(measures: ModelBench) -> None:
    with pytest.raises(UsageError, match="modelbench takes what build_model returns, or a callable, not float"):
        measures.latency(1.0, case="net")  # type: ignore[arg-type]


def test_a_module_is_not_what_build_model_makes_one_of() -> None:
    message = (
        r"^model=Linear\(\.\.\.\): this is a module, and build_model makes its own, in each process and for each "
        r"measure afresh: pass the class and its arguments, build_model\(Linear, \.\.\.\), or a function that makes "
        r"the module or loads it, and returns it$"
    )
    with pytest.raises(UsageError, match=message):
        build(nn.Linear(2, 2), device=CPU)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            build(Net, device=CPU, name="net"),
            r"and <net-b1-224-fp32 on cpu> is a model: write peak_memory\(model\.for",
        ),
        (Net(), r"without arguments, and the Net takes inputs: write peak_memory\(lambda: module\(images\)\)"),
        (3.0, "peak_memory takes a function, which it calls without arguments, not float"),
    ],
    ids=["a built model", "a module", "a number"],
)
def test_peak_memory_takes_a_function(given: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PeakMemory(CPU)(given)


def test_peak_memory_takes_a_module_without_inputs() -> None:
    class Own(nn.Module):
        def forward(self, size: int = 1000) -> Tensor:
            return torch.zeros(size)

    peak = PeakMemory(CPU)(Own())
    assert getattr(peak, "peak_bytes", None) == 4096


@pytest.mark.parametrize(
    ("value", "recorded"),
    [
        (torch.tensor(1.5), 1.5),
        (torch.tensor([[3]]), 3.0),
        (torch.tensor(2.0, requires_grad=True), 2.0),
        (numpy.float32(0.5), 0.5),
        (numpy.array([1.0, 2.0, 4.0]), 2.0),
        ([torch.tensor(1.0), torch.tensor(3.0)], 2.0),
        (True, 1.0),
    ],
)
def test_one_number_is_recorded_in_whatever_it_comes(
    measures: ModelBench, found: list[Measurement], value: Any, recorded: float
) -> None:
    measures.record("own", value)
    (one,) = found
    assert (one.value, type(one.value)) == (recorded, float)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            torch.zeros(2, 3),
            r"a Tensor of shape \(2, 3\) is not a number; record what it comes to, such as value\.mea",
        ),
        (torch.zeros(4), r"a Tensor of shape \(4,\) is not a number"),
        (torch.zeros(0), r"a Tensor of shape \(0,\) is not a number"),
        (numpy.zeros((2, 2)), r"an? ndarray of shape \(2, 2\) is not a number"),
        (torch.zeros((), device="meta"), "a tensor on the meta device has no value"),
        ("12", "'12' is not a number"),
        ({"a": 1}, "is not a number"),
        (torch.tensor(1j), "is not a number"),
    ],
)
def test_what_is_no_number_is_told_with_its_shape(measures: ModelBench, value: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        measures.record("own", value)
    assert str(caught.value).startswith(f"{TEST}: record('own'): ")


def test_a_tensor_of_nan_is_not_finite(measures: ModelBench) -> None:
    with pytest.raises(MeasureError, match=r"record\('own'\): nan is not finite"):
        measures.record("own", torch.tensor(float("nan")))
