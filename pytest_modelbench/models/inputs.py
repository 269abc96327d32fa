"""What a model is fed when only its speed and size matter."""

from __future__ import annotations

import torch
from torch import Tensor


def seeded_images(
    shape: tuple[int, int, int, int],
    *,
    seed: int,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    channels_last: bool = False,
) -> Tensor:
    """Standard normal ``(N, C, H, W)`` tensor, the same numbers on every device.

    Noise rather than ones or zeros: on GPUs the power drawn, and so the clock, depends on the bits that flip.
    """
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    # An inference tensor, made while somebody measures a forward pass, could not be trained on later.
    with torch.inference_mode(False):
        if device.type == "meta":
            return torch.empty(shape, dtype=dtype, device=device).to(memory_format=memory_format)
        generator = torch.Generator().manual_seed(seed)
        images = torch.randn(shape, generator=generator, device="cpu")
        return images.to(device=device, dtype=dtype, memory_format=memory_format)
