"""How a test says that images are to be prepared: a function of a PIL image, or a transformers image processor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from pytest_modelbench.core.errors import UsageError, hide_own_frames
from pytest_modelbench.core.recipes import about
from pytest_modelbench.data.datasets import Size
from pytest_modelbench.data.draws import Draws
from pytest_modelbench.data.images import picture_of

__tracebackhide__ = hide_own_frames

WAYS = (
    "a function from a PIL image to a tensor (C, H, W), as torchvision's weights.transforms() and open_clip's "
    "preprocess are, or a transformers image processor"
)

#: Width and height of what a transform is tried on: like a photo, and larger than what most models take.
_PROBE = (640, 480)
#: Pixels at each edge that tell whether a transform keeps the whole image: 1 % of the longer side.
_MARGIN = 6
#: So often a transform is tried: one that mirrors every other image passes as steady one time in eight.
_TRIES = 4


@dataclass(frozen=True, slots=True)
class OwnTransform:
    """A ``transform=``, checked each time that it is used."""

    given: Callable[..., Any]

    @classmethod
    def of(cls, given: object) -> OwnTransform:
        """The transform that ``given`` is; raises UsageError for what is none."""
        if not callable(given):
            raise UsageError(f"transform={given!r}: pass {WAYS}")
        return cls(given)

    def __call__(self, image: Image.Image) -> Tensor:
        """``(C, H, W) float32`` of a PIL image."""
        try:
            made = self._made(image)
        except Exception as error:
            raise UsageError(
                f"transform= fails on a PIL image of {image.width}x{image.height} pixels: {type(error).__name__}: "
                f"{error}; pass {WAYS}"
            ) from error
        if isinstance(made, Tensor) and made.ndim == 4 and len(made) == 1:
            made = made[0]
        if not isinstance(made, Tensor) or made.ndim != 3:
            what = f"a tensor {tuple(made.shape)}" if isinstance(made, Tensor) else type(made).__name__
            raise UsageError(f"transform= makes {what} of a PIL image, not a tensor (C, H, W); pass {WAYS}")
        return made.to("cpu", torch.float32)

    def _made(self, image: Image.Image) -> object:
        # AutoProcessor's has the tokenizer beside it.
        processor = getattr(self.given, "image_processor", self.given)
        if callable(processor) and hasattr(processor, "model_input_names"):
            made = processor(images=[image], return_tensors="pt")
        else:
            made = self.given(image)
        return made["pixel_values"] if isinstance(made, Mapping) and "pixel_values" in made else made

    def recipe(self) -> str:
        """What it makes of a fixed picture, in a few numbers: the same for whatever makes the same of images.

        Size, and of each channel mean, deviation and mean of the upper left quarter: of
        another normalization, crop, order of channels or interpolation at least one differs, and not of another
        machine's last digit. Raises UsageError for a transform that makes something else each time.
        """
        picture = picture_of(_probe())
        made = self(picture)
        for _ in range(_TRIES - 1):
            if not torch.equal(made, self(picture)):
                raise UsageError(
                    "transform= makes something else of the same image each time, as those for training do; pass the "
                    "one for evaluation"
                )
        height, width = made.shape[1:]
        numbers = {
            "mean": made.mean(dim=(1, 2)),
            "deviation": made.std(dim=(1, 2), correction=0),
            "upper left": made[:, : (height + 1) // 2, : (width + 1) // 2].mean(dim=(1, 2)),
        }
        # Steps of 0.001 from 0.2 to 2, where pixels from 0 to 1 and normalized ones lie well within.
        decimals = 2 - math.floor(math.log10(max(made.abs().mean().item(), 1e-6) / 2))
        told = ", ".join(
            f"{name} {' '.join(about(value, decimals) for value in values.tolist())}"
            for name, values in numbers.items()
        )
        return f"transform to {made.shape[0]}x{height}x{width}: {told}"

    def size(self) -> Size:
        """Height and width of what it makes of a picture of 640 x 480."""
        made = self(picture_of(_probe()))
        return made.shape[1], made.shape[2]

    def place(self, image: Tensor) -> tuple[Tensor, Size]:
        """A `data.batches.Placing`: the whole image, wherever it is scaled to."""
        made = self(picture_of(image))
        return made, (made.shape[1], made.shape[2])

    def check_whole(self, what: str) -> None:
        """Raise UsageError for a transform that cuts or pads images: ``what`` would be somewhere else in them."""
        black = torch.zeros((3, _PROBE[1], _PROBE[0]), dtype=torch.uint8)
        framed = black.clone()
        framed[:, :_MARGIN], framed[:, -_MARGIN:], framed[:, :, :_MARGIN], framed[:, :, -_MARGIN:] = (255,) * 4
        difference = self(picture_of(framed)) - self(picture_of(black))
        edges = (difference[:, 0], difference[:, -1], difference[:, :, 0], difference[:, :, -1])
        if not all(bool(edge.any()) for edge in edges):
            raise UsageError(
                f"transform= cuts a part of each image off, or pads it, and {what} would not lie where they are; pass "
                "one that scales the whole image to one size"
            )


def _probe() -> Tensor:
    """A picture whose red grows to the right, whose green grows downwards, and whose blue is noise."""
    width, height = _PROBE
    noise = torch.frombuffer(bytearray(Draws("transform probe 1").octets(width * height)), dtype=torch.uint8)
    red = (torch.arange(width) * 255 // (width - 1)).expand(height, width)
    green = (torch.arange(height) * 255 // (height - 1))[:, None].expand(height, width)
    return torch.stack([red.to(torch.uint8), green.to(torch.uint8), noise.reshape(height, width)])
