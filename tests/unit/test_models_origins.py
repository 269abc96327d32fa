"""Which files a model is written in: its builder's, and those of the classes of its parts."""

from __future__ import annotations

import functools

import torch
from torch import nn
from torch.nn.modules import linear

from pytest_modelbench.bench.building import build_on
from pytest_modelbench.bench.process import begin
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.models.build import build


class Net(nn.Module):
    """With a part of torch's."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.head = nn.Linear(3, width)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The head of the mean image."""
        out: torch.Tensor = self.head(images.mean((2, 3)))
        return out


def net() -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4))


def test_a_model_is_written_in_the_files_of_its_builder_and_of_its_parts() -> None:
    for builder in (net, Net, functools.partial(functools.partial(Net), 5)):
        model = build(builder, device=torch.device("cpu"), image_size=8, name="net")
        assert model.files == set()
        _ = model.on_meta().module  # as good as the model itself, and all that a prediction makes
        assert {__file__, linear.__file__} <= model.files


def test_a_process_tells_files_of_the_project_once() -> None:
    bench = begin(Settings(device="cpu"), 1, lambda measurement: None, own_process=False)
    _ = build_on(bench, __name__, net, image_size=8).module
    assert bench.take_files() == {__file__}
    assert bench.take_files() == set()
