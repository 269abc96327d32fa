"""Image files as tensors."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from pytest_modelbench.core.errors import UsageError, hide_own_frames

__tracebackhide__ = hide_own_frames


def read_image(path: Path) -> Tensor:
    """The image in the file, ``(3, H, W) uint8``; raises UsageError naming the file."""
    image = open_image(path, "RGB")
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return pixels.reshape(image.height, image.width, 3).permute(2, 0, 1).contiguous()


def read_indices(path: Path) -> Tensor:
    """The numbers that stand in a palette or grey image, ``(H, W) int64``; raises UsageError naming the file."""
    image = open_image(path)
    if image.mode not in ("P", "L"):
        raise UsageError(
            f"label map {path} is a {image.mode} image; a map has one number for each pixel: save it in mode P or L"
        )
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return pixels.reshape(image.height, image.width).long()


def picture_of(image: Tensor) -> Image.Image:
    """The picture whose pixels are ``image``, ``(3, H, W) uint8``."""
    octets = image.permute(1, 2, 0).contiguous().numpy().tobytes()
    return Image.frombytes("RGB", (image.shape[2], image.shape[1]), octets)


def open_image(path: Path, mode: str | None = None) -> Image.Image:
    """The image in the file, decoded, in ``mode`` or in its own; raises UsageError naming the file."""
    try:
        with Image.open(path) as image:
            image.load()
            found: Image.Image = image.copy() if mode is None else image.convert(mode)
            return found
    # Decoders raise what they like on damaged files: SyntaxError for PNG, ValueError, struct.error, ...
    except Exception as error:
        raise UsageError(f"image {path} cannot be read: {error}; replace or remove it") from error
