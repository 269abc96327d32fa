"""The committed portable baselines against what was published."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_modelbench.published.backbones import BATCH_SIZES, backbone_rows
from pytest_modelbench.published.catalog.tables import tables
from tests.unit.store_checks import entries_in

ROOT = Path(__file__).parents[2]
PORTABLE = ROOT / "baselines" / "portable"
TRIALS = ROOT / "tests" / "trials"


def entries(file):
    return entries_in(PORTABLE / file)


@pytest.mark.parametrize("name", backbone_rows())
def test_parameters_are_the_published_ones_to_their_rounding(name):
    parameters = entries("cost.json")[f"tests/benchmarks/test_cost.py::test_cost[{name}]"]["parameters"]["value"]
    assert f"{parameters / 1e6:.1f}M" == backbone_rows()[name].figure("parameters").printed


@pytest.mark.parametrize("name", backbone_rows())
def test_every_backbone_has_its_cost_and_its_peaks(name):
    cost = entries("cost.json")[f"tests/benchmarks/test_cost.py::test_cost[{name}]"]
    assert set(cost) == {"macs", "parameter_bytes", "parameters"}
    assert cost["parameter_bytes"]["value"] == 4 * cost["parameters"]["value"]
    memory = entries("memory.json")
    peaks = [
        memory[f"tests/benchmarks/test_memory.py::test_forward[{name}-b{size}]"]["peak_live_memory"]["value"]
        for size in BATCH_SIZES
    ]
    trained = memory[f"tests/benchmarks/test_memory.py::test_forward_backward[{name}]"]
    peaks.append(trained["backward_peak_live_memory"]["value"])
    assert cost["parameter_bytes"]["value"] < peaks[0] < peaks[1] < peaks[2] < peaks[3]


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


#: Lines of the speed and memory comparison whose predicted peak is within 1.5 % of the published one.
WITHIN = {
    "vgg16-abn/abn", "vgg16-postact/naive", "vgg16-preact/naive", "resnet50-abn/abn", "resnet50-abn/inplace",
    "seresnext50-abn-128/abn", "seresnext50-abn-128/inplace", "seresnext50-abn-64/abn", "seresnext50-abn-64/inplace",
    "efficientnet-rwightman/b0", "efficientnet-rwightman/b1", "efficientnet-rwightman/b2", "efficientnet-rwightman/b3",
    "resnet50-amp/resnet50",
}  # fmt: skip


def training_peaks():
    """Published and stored peak of each line's training step, in bytes, by the line's id."""
    stored = entries("published_techniques.json")
    return {
        row.id: (figure.value, stored[test]["train_peak_live_memory"]["value"])
        for table in tables()
        if table.document == "speed"
        for row in table.rows
        if (figure := row.figure("memory"))
        for test in row.tests
        if "test_published_techniques.py::test_train_step" in test
    }


def test_predicted_training_peaks_are_within_one_and_a_half_percent_of_the_published_where_they_were():
    shares = {line: stored / published for line, (published, stored) in training_peaks().items()}
    assert len(shares) == 26
    assert {line for line, share in shares.items() if abs(share - 1) <= 0.015} == WITHIN
    assert max(shares.values()) <= 1.015


def test_the_committed_trial_of_peaks_is_that_of_the_baselines():
    """Made anew with: python tests/trials/published_peaks.py"""
    figures = json.loads((TRIALS / "results" / "published_peaks.json").read_text())["figures"]
    found = {line: (figure["published_bytes"], figure["predicted_bytes"]) for line, figure in figures.items()}
    assert found == training_peaks()
    assert {line for line, figure in figures.items() if "reason" not in figure} == WITHIN


def test_the_table_of_peaks_in_the_documentation_is_that_of_the_trial():
    """Printed by: python tests/trials/published_peaks.py table"""
    printed = subprocess.run(
        [sys.executable, str(TRIALS / "published_peaks.py"), "table"], capture_output=True, text=True, check=True
    ).stdout
    assert printed in (ROOT / "docs" / "performance.md").read_text()
