"""The sweep's comparisons over a few models of different kinds, and what is committed of a whole one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
TRIALS = ROOT / "tests" / "trials"

#: Of timm, the smallest of several families: depthwise convolutions with squeeze and excitation, residual blocks,
#: attention with a class token; with time, gates, normalized weights, attention with a bias by position, too.
NAMES = ["test_efficientnet", "test_resnet", "test_vit"]
BY_HAND = [
    "adapter", "branching", "checkpointed", "cosine_similarity", "encoder", "existing", "fourier", "frozen_trunk",
    "heads", "in_place_on_input", "lazy", "no_parameters", "pass_counter", "queries", "returns_dataclass",
    "shared_weights", "sparse_weight", "transposed_tie",
]  # fmt: skip
FURTHER = [
    "test_mambaout", "test_nfnet", "test_vit_relpos", "halonet_h1", "samvit_base_patch16_224", "nasnetalarge",
    "mobilenetv5_base", "detector", "torchvision_swin",
]  # fmt: skip


@pytest.fixture(autouse=True)
def trials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Trials import one another as scripts do, and measure with one thread."""
    monkeypatch.syspath_prepend(str(TRIALS))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def undeclared(name: str) -> list[str]:
    from sweep_compare import undeclared
    from sweep_measures import measure
    from sweep_models import subjects

    return undeclared(measure(subjects()[name]), anywhere=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [*NAMES[:1], *(pytest.param(one, marks=pytest.mark.long) for one in NAMES[1:]), *BY_HAND]
)
def test_figures_agree_with_independent_ones_and_the_model_is_left_alone(name: str) -> None:
    assert undeclared(name) == []


@pytest.mark.long
@pytest.mark.parametrize("name", FURTHER)
def test_figures_of_further_models_agree(name: str) -> None:
    assert undeclared(name) == []


def test_the_committed_sweep_has_no_deviation_that_is_not_declared() -> None:
    """Made anew with: python tests/trials/sweep.py"""
    from sweep_compare import check, records

    _, measured = records()
    assert check() == []
    by_hand = [record for record in measured if record["family"] == "by hand"]
    assert len(by_hand) >= 30
    assert len(measured) - len(by_hand) >= 120
    assert len({record["family"] for record in measured}) > 85


def test_the_page_holds_what_was_measured() -> None:
    """Written by: python tests/trials/sweep.py --table"""
    from sweep_table import BEGIN, END, generated

    assert f"{BEGIN}{generated()}{END}" in (ROOT / "docs" / "sweep.md").read_text()
