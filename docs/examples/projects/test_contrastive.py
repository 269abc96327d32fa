"""Two views of each image and a loss on both, as lightly trains SimCLR."""

import torch
from torch import nn
from torch.nn import functional

TEMPERATURE = 0.5


class Projector(nn.Module):
    """Unit vectors of images."""

    def __init__(self, width=16):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, width, 4, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 8))

    def forward(self, images):
        return functional.normalize(self.head(self.backbone(images)), dim=1)


def contrastive(module, images):
    """NT-Xent of the images and their mirror images."""
    both = torch.cat([module(images), module(images.flip(-1))]).float()
    likeness = both @ both.T / TEMPERATURE
    likeness = likeness - 1e4 * torch.eye(len(both), device=both.device)
    partner = torch.arange(len(both), device=both.device).roll(len(images))
    return functional.cross_entropy(likeness, partner)


def test_simclr(build_model, modelbench):
    model = build_model(Projector, image_size=32, batch_size=4)
    modelbench.train_peak(model, step=contrastive)
    modelbench.numerics(model)
