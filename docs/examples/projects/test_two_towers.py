"""Images and texts, each in a tower of its own, as open_clip has them: both have to be fed to be measured."""

import torch
from torch import nn


class TwoTowers(nn.Module):
    """Features of images ``(N, 3, H, W)`` and of texts ``(N, T) int64``; of images alone if there are no texts."""

    def __init__(self, width=16):
        super().__init__()
        self.image = nn.Sequential(nn.Conv2d(3, width, 8, 8), nn.Flatten(2))
        self.text = nn.Sequential(nn.Embedding(100, width), nn.Linear(width, width))

    def forward(self, image, text=None):
        seen = self.image(image).mean(2)
        return seen if text is None else (seen, self.text(text).mean(1))


def pairs(batch_size, generator):
    return torch.rand(batch_size, 3, 32, 32, generator=generator), torch.randint(
        100, (batch_size, 8), generator=generator
    )


def test_both(build_model, modelbench):
    model = build_model(TwoTowers, inputs=pairs, batch_size=2)
    modelbench.peak_memory(model)
    modelbench.cost(model)
    modelbench.numerics(model)
