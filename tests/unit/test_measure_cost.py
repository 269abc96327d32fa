"""Static cost, counted by hand on small models and against the known figures of a large one."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from pytest_modelbench.measure.cost import Cost, static_cost


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_small_model_by_hand(device: str) -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8 * 6 * 6, 10))
    model.to(device)
    images = torch.ones(2, 3, 8, 8, device=device)
    parameters = 3 * 8 * 9 + 2 * 8 + 288 * 10 + 10
    assert static_cost(model, lambda: model(images)) == Cost(
        parameters=parameters,
        parameter_bytes=parameters * 4,
        buffer_bytes=2 * 8 * 4 + 8,  # mean and variance in float32, the number of batches in int64
        macs=2 * (8 * 3 * 9 * 6 * 6 + 288 * 10),
    )


def test_grouped_convolution_counts_its_own_products_only() -> None:
    model = nn.Conv2d(8, 8, 3, groups=8, bias=False, device="meta")
    images = torch.ones(1, 8, 10, 10, device="meta")
    assert static_cost(model, lambda: model(images)).macs == 8 * 9 * 8 * 8


def test_shared_parameters_count_once_but_work_twice() -> None:
    layer = nn.Linear(16, 16, bias=False)
    model = nn.Sequential(layer, layer)
    assert static_cost(model, lambda: model(torch.ones(1, 16))) == Cost(256, 1024, 0, 2 * 256)


def test_half_precision_parameters_take_two_bytes() -> None:
    model = nn.Linear(16, 16, bias=False, device="meta", dtype=torch.bfloat16)
    assert static_cost(model, lambda: None) == Cost(256, 512, 0, 0)


def test_multihead_attention_is_counted_though_its_fast_path_is_not() -> None:
    layer = nn.TransformerEncoderLayer(32, 4, dim_feedforward=64, batch_first=True).eval()
    tokens = torch.ones(1, 10, 32)
    with torch.no_grad():
        macs = static_cost(layer, lambda: layer(tokens)).macs
    projections = 10 * 32 * (3 * 32 + 32)
    attention = 2 * 10 * 10 * 32
    feed_forward = 2 * 10 * 32 * 64
    assert macs == projections + attention + feed_forward
    assert torch.backends.mha.get_fastpath_enabled()


def test_lazy_parameters_are_counted_with_the_size_they_get() -> None:
    model = nn.LazyLinear(4, bias=False)
    assert static_cost(model, lambda: model(torch.ones(2, 8))) == Cost(32, 128, 0, 64)


def test_resnet18_has_its_known_cost() -> None:
    with torch.device("meta"):
        model, images = timm.create_model("resnet18").eval(), torch.ones(1, 3, 224, 224)
    cost = static_cost(model, lambda: model(images))
    assert (cost.parameters, cost.macs) == (11_689_512, 1_814_073_344)
