"""Whether it is the size of its images that a model fails at."""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: Sides that models are made for: what timm's configurations name most, and those of small data sets.
_SIDES = (224, 256, 384, 288, 240, 320, 299, 336, 448, 512, 192, 160, 128, 96, 64, 32, 28)


def side_that_fits(module: nn.Module, images: Tensor) -> int | None:
    """A side of square images that ``module`` can be run on where it cannot on ``images``, all on the meta device.

    None: it can be run on those, or on no others either, so that it fails at something else.
    """
    if _runs(module, images):
        return None
    shapes = ((*images.shape[:2], side, side) for side in _SIDES)
    return next((shape[2] for shape in shapes if _runs(module, images.new_empty(shape))), None)


def _runs(module: nn.Module, images: Tensor) -> bool:
    try:
        with torch.no_grad():
            module(images)
    except Exception:
        return False
    return True
