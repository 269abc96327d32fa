"""The committed portable baselines against what was published."""

import json
from pathlib import Path

import pytest

from pytest_modelbench.models.backbones import BACKBONES, BATCH_SIZES

PORTABLE = Path(__file__).parents[2] / "baselines" / "portable"


def entries(file):
    return json.loads((PORTABLE / file).read_text())["entries"]


@pytest.mark.parametrize(("name", "published"), BACKBONES)
def test_parameters_are_the_published_ones_to_their_rounding(name, published):
    parameters = entries("cost.json")[f"tests/benchmarks/test_cost.py::test_cost[{name}]"]["parameters"]["value"]
    assert f"{parameters / 1e6:.1f}M" == published


@pytest.mark.parametrize("name", [name for name, _ in BACKBONES])
def test_every_backbone_has_its_cost_and_its_peaks(name):
    cost = entries("cost.json")[f"tests/benchmarks/test_cost.py::test_cost[{name}]"]
    assert set(cost) == {"macs", "parameter_bytes", "parameters"}
    assert cost["parameter_bytes"]["value"] == 4 * cost["parameters"]["value"]
    memory = entries("memory.json")
    peaks = [
        memory[f"tests/benchmarks/test_memory.py::test_forward[{name}-b{size}]"]["peak_live_memory"]["value"]
        for size in BATCH_SIZES
    ]
    trained = memory[f"tests/benchmarks/test_memory.py::test_forward_backward[{name}]"]["peak_live_memory"]["value"]
    assert cost["parameter_bytes"]["value"] < peaks[0] < peaks[1] < peaks[2] < trained


@pytest.mark.parametrize(
    ("name", "gmacs"),
    [
        ("resnet50", 4.089),
        ("vit_base_patch16_224", 17.56),
        ("swin_tiny_patch4_window7_224", 4.491),
        ("efficientnet_b0", 0.386),
        ("convnext_tiny", 4.456),
    ],
)
def test_macs_are_those_of_an_independent_count(name, gmacs):
    """Counted with fvcore's rules elsewhere, four digits."""
    macs = entries("cost.json")[f"tests/benchmarks/test_cost.py::test_cost[{name}]"]["macs"]["value"]
    assert macs / 1e9 == pytest.approx(gmacs, rel=2e-3)
