"""A module that knows its own training step, as a LightningModule does."""

import torch
from torch import nn

DROPOUT = 0.0


class LitClassifier(nn.Module):
    """``training_step(batch, batch_idx)`` gives the loss of a batch of images and labels."""

    def __init__(self, classes=5):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.ReLU(), nn.Flatten(), nn.Dropout(DROPOUT))
        self.head = nn.Linear(8 * 8 * 8, classes)
        self.steps_logged = 0

    def forward(self, images):
        return self.head(self.net(images))

    def training_step(self, batch, batch_idx):
        images, labels = batch
        self.steps_logged += 1
        return nn.functional.cross_entropy(self(images).float(), labels)


def step(module, images):
    labels = torch.arange(len(images), device=images.device) % 5
    return module.training_step((images, labels), 0)


def test_classifier(build_model, modelbench):
    model = build_model(LitClassifier, image_size=32, batch_size=4)
    modelbench.train_peak(model, step=step)
    modelbench.numerics(model)
    modelbench.cost(model)
