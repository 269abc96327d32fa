"""An encoder with a decoder, as segmentation_models_pytorch builds them: gated without a data set."""

import torch
from torch import nn

DECODER_CHANNELS = (32, 16)


class Segmentor(nn.Module):
    """Logits of every pixel: ``(N, classes, H, W)``."""

    def __init__(self, decoder_channels=DECODER_CHANNELS, classes=4):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU())
        channels, blocks = 32, []
        for width in decoder_channels:
            blocks += [nn.Upsample(scale_factor=2), nn.Conv2d(channels, width, 3, 1, 1), nn.ReLU()]
            channels = width
        self.decoder = nn.Sequential(*blocks)
        self.head = nn.Conv2d(channels, classes, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.decoder(self.encoder(images)))


def test_segmentor(build_model, modelbench):
    model = build_model(Segmentor, image_size=64, batch_size=2)
    modelbench.peak_memory(model)
    modelbench.peak_memory(model, backward=True)
    modelbench.cost(model)
    modelbench.numerics(model)
