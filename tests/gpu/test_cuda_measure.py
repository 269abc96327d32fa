"""The measure layer on a real CUDA device."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pytest_modelbench.bench.consumption import energy_of
from pytest_modelbench.bench.launching import launches_of
from pytest_modelbench.bench.predicting import here
from pytest_modelbench.core.errors import BuildError
from pytest_modelbench.measure.clocks import clock_for
from pytest_modelbench.measure.devices import resolve_device
from pytest_modelbench.measure.environment import detect
from pytest_modelbench.measure.memory import allocated_peak, live_peak
from pytest_modelbench.measure.plan import SamplingPlan
from pytest_modelbench.measure.reference import reference_workload
from pytest_modelbench.measure.sampling import Alone, Target, sample
from pytest_modelbench.measure.state import preserved_state
from pytest_modelbench.measure.timer import DeviceTimer
from pytest_modelbench.models.build import build

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

MIB = 2**20


@pytest.fixture
def device() -> torch.device:
    return torch.device(resolve_device("cuda"))


def test_events_count_the_work_and_not_only_its_launch(device: torch.device) -> None:
    work = reference_workload(device).run
    plan = SamplingPlan(min_blocks=4, max_blocks=4)
    clock = clock_for(device)
    once = sample(Target(work, clock), Alone(work), plan)

    def ten_times() -> None:
        for _ in range(10):
            work()

    # A clock that saw launches only would say so, too; but it would not agree with the synchronized one.
    assert 2 < sample(Target(ten_times, clock), Alone(work), plan).log_ratio < 2.6  # log 10 = 2.30
    synchronized = DeviceTimer(device)(ten_times, repeat=5).median_s / 10
    assert 0.5 < synchronized / once.median_s < 2


def test_allocated_peak_of_plain_tensors_is_exact(device: torch.device) -> None:
    def run() -> None:
        a = torch.ones(16 * MIB, dtype=torch.uint8, device=device)
        b = a + 1
        del a, b

    first, second = allocated_peak(run, device), allocated_peak(run, device)
    assert first.allocated_bytes - first.before_bytes == 32 * MIB
    assert first.allocated_bytes == second.allocated_bytes
    assert first.reserved_bytes >= first.allocated_bytes
    assert first.device_bytes >= first.reserved_bytes


def test_allocated_peak_does_not_depend_on_what_used_cublas_before(device: torch.device) -> None:
    convolution = nn.Conv2d(3, 8, 3, device=device)
    images = torch.ones(2, 3, 64, 64, device=device)
    matrix = torch.ones(512, 512, device=device)

    with torch.no_grad():
        before = allocated_peak(lambda: convolution(images), device)
        matrix @ matrix  # leaves a workspace
        assert allocated_peak(lambda: convolution(images), device).allocated_bytes == before.allocated_bytes


def test_live_peak_agrees_with_the_allocator(device: torch.device) -> None:
    model = nn.Sequential(*(nn.Sequential(nn.Linear(1024, 1024), nn.ReLU()) for _ in range(4))).to(device)
    batch = torch.ones(4096, 1024, device=device)

    def step() -> None:
        model(batch).sum().backward()

    live = live_peak(lambda: (step(), step()), [*model.parameters(), batch])
    model.zero_grad()
    allocated = allocated_peak(step, device)
    # cuBLAS keeps a workspace of 32 MiB for each of the two threads, which are no tensors.
    assert abs(allocated.allocated_bytes - live.peak_bytes) < 80 * MIB


def test_environment_is_named_after_the_device(device: torch.device) -> None:
    found = detect(str(device), threads=1)
    assert found.kind == found.slug
    assert found.slug.startswith("cuda-")
    assert found.identity["name"] == torch.cuda.get_device_name(device)


def test_random_state_of_the_device_is_put_back(device: torch.device) -> None:
    torch.rand(1, device=device)
    with preserved_state():
        first = torch.rand(4, device=device)
    assert torch.equal(torch.rand(4, device=device), first)


def test_a_graph_of_a_model_computes_the_same_and_waits_for_no_launches(device: torch.device) -> None:
    models = [build("resnet18", device=device, image_size=64, cuda_graph=graph) for graph in (False, True)]
    times = []
    for model in models:
        model.forward()
        with model.inference() as run:
            times.append(DeviceTimer(device)(run, repeat=20).median_s)
    assert [model.case.id for model in models] == ["resnet18-b1-64-fp32", "resnet18-b1-64-fp32-cuda_graph"]
    assert times[1] < times[0]


def test_what_waits_for_the_device_is_no_graph(device: torch.device) -> None:
    class Waits(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.mean(dim=(2, 3)) * images.sum().item()

    model = build(Waits, device=device, image_size=8, cuda_graph=True)
    with pytest.raises(BuildError, match="cannot be recorded as a CUDA graph"), model.inference():
        pass


@pytest.mark.parametrize("name", ["resnet18", "test_vit"])
def test_launches_are_what_a_profiler_sees(name: str, device: torch.device) -> None:
    model = build(name, device=device, image_size=64 if name == "resnet18" else 160)
    launches = launches_of(model)
    assert launches is not None
    assert launches == launches_of(model)
    with model.inference() as run, torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        run()
        torch.cuda.synchronize()
    on_device = [event for event in profile.events() if event.device_type == torch.autograd.DeviceType.CUDA]
    assert launches.total == len(on_device)
    assert any(item.module.startswith(("layer", "blocks")) for item in launches.items)


def test_joules_are_those_of_the_power_that_the_driver_tells(device: torch.device) -> None:
    """A board takes tens of watts at rest and hundreds at work: joules over seconds lie between."""
    model = build("resnet50", device=device, batch_size=64, image_size=224)
    found = energy_of(model)
    calls_s = DeviceTimer(device)(model.forward).median_s
    assert 20 < found.joules / calls_s < 1500
    assert max(found.target_j) < 1.3 * min(found.target_j)


def test_a_pass_is_not_below_the_floor_of_its_device(device: torch.device) -> None:
    told = here(build("resnet50", device=device, batch_size=64, image_size=224))
    assert 0 < told["floor_s"] < told["measured_s"]
