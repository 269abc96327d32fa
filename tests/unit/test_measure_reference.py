"""The reference workload: what it is, and that nothing around it changes it."""

from __future__ import annotations

import pytest
import torch

from pytest_modelbench.measure.cost import static_cost
from pytest_modelbench.measure.reference import SHAPES, reference_workload

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("device", "dtype", "name"),
    [
        ("cpu", torch.float32, "conv3x3-128x28x28-b1-fp32-v1"),
        ("cpu", torch.bfloat16, "conv3x3-128x28x28-b1-bf16-v1"),
        ("meta", torch.float16, "conv3x3-256x56x56-b8-fp16-v2"),  # stands for accelerators without a shape of their own
    ],
)
def test_id_names_all_that_defines_it(device: str, dtype: torch.dtype, name: str) -> None:
    assert reference_workload(torch.device(device), dtype).id == name


def test_cpu_reference_does_the_work_its_shape_says() -> None:
    shape = SHAPES["cpu"]
    assert static_cost(torch.nn.Identity(), reference_workload(CPU).run).macs == shape.macs == 115_605_504
    assert SHAPES["cuda"].macs == 118_380_036_096


def test_reference_is_the_same_in_every_process_and_leaves_the_random_state_alone() -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = reference_workload(CPU).run()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    second = reference_workload(CPU).run()
    assert isinstance(first, torch.Tensor)
    assert isinstance(second, torch.Tensor)
    assert torch.equal(first, second)
    assert not first.requires_grad


def test_autocast_of_a_test_does_not_reach_the_reference() -> None:
    reference = reference_workload(CPU)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = reference.run()
    assert isinstance(result, torch.Tensor)
    assert result.dtype is torch.float32
