"""What models are trained on when only speed and memory matter: seeded, plausible in number and size alone."""

from __future__ import annotations

import torch
from torch import Tensor

#: COCO's training images have 7.3 objects on average.
_OBJECTS = 8
#: Their sides, as shares of the image's.
_SHORTEST, _LONGEST = 1 / 16, 1 / 2


def box_targets(
    num_classes: int, masks: bool, batch_size: int, image_size: tuple[int, int], seed: int
) -> list[dict[str, Tensor]]:
    """For each image ``boxes`` ``(8, 4)`` float32, in pixels x1 y1 x2 y2, and ``labels`` ``(8,)`` from 0, on the CPU.

    With ``masks`` also ``(8, H, W)`` bool, an ellipse in each box.
    """
    height, width = image_size
    # Made in the midst of a measured forward pass, they could otherwise not be trained on later.
    with torch.inference_mode(False), torch.device("cpu"):
        generator = torch.Generator().manual_seed(seed)
        image = torch.tensor([width, height], dtype=torch.float32)
        targets = []
        for _ in range(batch_size):
            sides = (_SHORTEST + (_LONGEST - _SHORTEST) * torch.rand(_OBJECTS, 2, generator=generator)) * image
            corners = torch.rand(_OBJECTS, 2, generator=generator) * (image - sides)
            target = {
                "boxes": torch.cat([corners, corners + sides], dim=1),
                "labels": torch.randint(num_classes, (_OBJECTS,), generator=generator),
            }
            if masks:
                target["masks"] = _ellipses(target["boxes"], height, width)
            targets.append(target)
        return targets


def label_targets(num_classes: int, batch_size: int, image_size: tuple[int, int], seed: int) -> Tensor:
    """Labels ``(N, H, W)`` int64 on the CPU, each pixel's on its own."""
    with torch.inference_mode(False), torch.device("cpu"):
        generator = torch.Generator().manual_seed(seed)
        return torch.randint(num_classes, (batch_size, *image_size), generator=generator)


def _ellipses(boxes: Tensor, height: int, width: int) -> Tensor:
    centers, radii = (boxes[:, 2:] + boxes[:, :2]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    x = (torch.arange(width) + 0.5 - centers[:, :1]) / radii[:, :1]
    y = (torch.arange(height) + 0.5 - centers[:, 1:]) / radii[:, 1:]
    return x[:, None, :] ** 2 + y[:, :, None] ** 2 <= 1
