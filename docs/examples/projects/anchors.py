"""Constants that are imported late."""

import torch

STRIDES = torch.tensor([8.0, 16.0, 32.0, 64.0])
