"""Of which models launches are counted, and how they are recorded; on a device and a driver that are made up."""

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from pytest_modelbench.bench import launching
from pytest_modelbench.bench.counting import count, measurements
from pytest_modelbench.bench.launching import launches_of
from pytest_modelbench.core.breakdown import Breakdown, Item
from pytest_modelbench.core.errors import BuildError
from pytest_modelbench.core.metrics import Better, Scope
from pytest_modelbench.host.cuda_recording import CudaRecording
from pytest_modelbench.models.build import build
from tests.unit.cuda_driver import FakeDriver

FOUND = Breakdown((Item("stem", "gemm", 2), Item("", "copy of memory", 1)))


class Net(nn.Module):
    def __init__(self, driver):
        super().__init__()
        self._driver = driver

    def forward(self):
        self._driver.records(b"gemm")


@pytest.fixture
def driver(monkeypatch):
    driver, recording = FakeDriver(), {"is": False}

    @contextmanager
    def graphed(run, case, device, advice):
        run()
        recording["is"] = True
        driver._recorded.clear()
        run()
        recording["is"] = False
        yield

    monkeypatch.setattr(launching, "graphed", graphed)
    monkeypatch.setattr(launching, "waits_by_itself", lambda run, device: False)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: recording["is"])
    monkeypatch.setattr("pytest_modelbench.measure.launches._current", lambda: CudaRecording(7, driver))
    return driver


def model(driver, device="cuda", compiled=False):
    net = torch.compile(Net(driver)) if compiled else Net(driver)
    return SimpleNamespace(
        device=torch.device(device), module=net, case=SimpleNamespace(id="net-b1"),
        as_found=nullcontext, passes=lambda: nullcontext(net),
    )  # fmt: skip


def test_one_pass_is_recorded_and_counted(driver):
    assert launches_of(model(driver)) == Breakdown((Item("", "gemm", 1),))


def test_what_is_not_on_cuda_or_waits_or_is_compiled_has_none(driver, monkeypatch):
    assert launches_of(model(driver, "cpu")) is None
    assert launches_of(model(driver, compiled=True)) is None
    monkeypatch.setattr(launching, "waits_by_itself", lambda run, device: True)
    assert launches_of(model(driver)) is None


def test_what_cannot_be_recorded_has_none_and_a_warning(driver, monkeypatch):
    @contextmanager
    def graphed(run, case, device, advice):
        raise BuildError(f"{case}: its forward pass cannot be recorded as a CUDA graph (why); {advice}")
        yield

    monkeypatch.setattr(launching, "graphed", graphed)
    with pytest.warns(UserWarning, match=r"net-b1: .* \(why\); its launches are not counted"):
        assert launches_of(model(driver)) is None


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), OSError("libcuda.so.1: no such file")])
def test_counting_launches_never_costs_the_other_counts(driver, monkeypatch, error):
    def fails(self, run):
        raise error

    monkeypatch.setattr(launching.Launches, "call", fails)
    with pytest.warns(UserWarning, match="net-b1 has no launches: "):
        assert launches_of(model(driver)) is None


def test_launches_are_held_to_the_last_one_on_their_device_with_their_parts():
    built = build("test_resnet", device=torch.device("cpu"), image_size=32)
    found = count(built)
    assert found.launches is None
    (one,) = (
        one for one in measurements(replace(found, launches=FOUND), built, "", backward=False) if one.name == "launches"
    )
    assert (one.value, one.breakdown) == (3, FOUND)
    assert (one.metric.scope, one.metric.better, one.metric.band.text) == (Scope.KIND, Better.LOWER, "exact")
