"""Random augmentation on the device as a module, as kornia has it, in front of a network."""

import torch
from torch import nn

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Augmented(nn.Module):
    """Flips and noise from torch's own random numbers, which each pass of a measure begins anew; then normalized."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1))
        self.network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, images):
        flip = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
        images = torch.where(flip, images.flip(-1), images)
        images = images + 0.01 * torch.randn_like(images)
        return self.network((images - self.mean) / self.std)


def test_augmented(build_model, modelbench):
    model = build_model(Augmented, image_size=32, batch_size=4)
    modelbench.numerics(model)
    modelbench.peak_memory(model)
