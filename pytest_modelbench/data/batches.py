"""Data in batches of the size, the range and the shape that a model takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pytest_modelbench.core.errors import hide_own_frames
from pytest_modelbench.data.datasets import ClassData, MapData, ObjectData, Size, Target

__tracebackhide__ = hide_own_frames

#: From an image ``(3, h, w) uint8`` to what a model takes, ``(3, H, W) float32``, and the height and width in it, from
#: its upper left, that show the image; the rest is padding.
Placing = Callable[[Tensor], tuple[Tensor, Size]]

#: What surrounds an image of another shape than the model's: nearly zero after any usual normalization.
_GREY = 0.5


@dataclass(frozen=True, slots=True)
class InputFormat:
    """What is done to images from 0 to 1 before a model gets them: scaled to ``size``, less ``mean``, over ``std``."""

    size: Size
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def normalized(self, images: Tensor) -> Tensor:
        """``(..., 3, H, W)`` of any size, from 0 to 1, less mean and over deviation."""
        mean, std = (torch.tensor(values)[:, None, None] for values in (self.mean, self.std))
        return (images - mean) / std

    def __call__(self, image: Tensor) -> tuple[Tensor, Size]:
        """A `Placing`: the image in its proportions, in the upper left of a canvas of ``size``."""
        return framed(image, self)


def class_batches(data: ClassData, takes: InputFormat, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs of ``(N, 3, H, W) float32`` and ``(N,) int64``, in order; the last one may be smaller."""
    for start in range(0, len(data), batch_size):
        part = torch.arange(start, min(start + batch_size, len(data)))
        yield class_batch(data, part, takes)


def class_batch(data: ClassData, indices: Tensor, takes: InputFormat) -> tuple[Tensor, Tensor]:
    """The images at ``indices``, stretched to the model's size and normalized, and their classes."""
    images = data.images[indices].float() / 255
    return takes.normalized(_scaled(images, takes.size)), data.labels[indices]


def object_batches(data: ObjectData, place: Placing, batch_size: int) -> Iterator[tuple[Tensor, list[Target]]]:
    """Pairs of ``(N, 3, H, W) float32`` and what is in each image, in the pixels of the batch.

    By an `InputFormat` images keep their proportions and lie in the upper left corner. Overlaps of boxes do not depend
    on scale.
    """
    for start in range(0, len(data), batch_size):
        yield object_batch(data, range(start, min(start + batch_size, len(data))), place)


def object_batch(data: ObjectData, indices: Sequence[int], place: Placing) -> tuple[Tensor, list[Target]]:
    """The images at ``indices`` and what is in each."""
    images, targets = [], []
    for image, target in map(data.read, indices):
        canvas, frame = place(image)
        images.append(canvas)
        size = (canvas.shape[1], canvas.shape[2])
        targets.append(_rescaled(target, (image.shape[1], image.shape[2]), frame, size))
    return torch.stack(images), targets


def map_batches(data: MapData, place: Placing, batch_size: int) -> Iterator[tuple[Tensor, list[Tensor], list[Size]]]:
    """Images ``(N, 3, H, W) float32``, their maps in their own sizes, and the part of each image that is not padding.

    By an `InputFormat` images keep their proportions and lie in the upper left corner: a prediction is to be cut to
    that part and scaled to the map, which stays as it was drawn.
    """
    for start in range(0, len(data), batch_size):
        pairs = [data.read(index) for index in range(start, min(start + batch_size, len(data)))]
        placed = [place(image) for image, _ in pairs]
        yield torch.stack([canvas for canvas, _ in placed]), [found for _, found in pairs], [at for _, at in placed]


def framed(image: Tensor, takes: InputFormat) -> tuple[Tensor, Size]:
    """``image`` in the upper left of a canvas of the model's size, normalized, and its height and width there."""
    height, width = takes.size
    scale = min(height / image.shape[1], width / image.shape[2])
    # A very long image keeps one pixel of its short side.
    frame = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[2] * scale))
    placed = _scaled(image[None].float() / 255, frame)[0]
    if frame != takes.size:
        canvas = torch.full((3, height, width), _GREY)
        canvas[:, : frame[0], : frame[1]] = placed
        placed = canvas
    return takes.normalized(placed), frame


def _scaled(images: Tensor, size: Size) -> Tensor:
    if tuple(images.shape[-2:]) == size:
        return images
    return interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)


def _rescaled(target: Target, size: Size, frame: Size, canvas: Size) -> Target:
    """The objects of an image of ``size``, which fills ``frame`` of ``canvas``."""
    scale = torch.tensor([frame[1] / size[1], frame[0] / size[0]] * 2)
    found = {**target, "boxes": target["boxes"] * scale}
    if "masks" in target and size != canvas:
        masks = torch.zeros((len(target["masks"]), *canvas), dtype=torch.bool)
        scaled = interpolate(target["masks"][:, None].float(), size=frame, mode="nearest-exact")
        masks[:, : frame[0], : frame[1]] = scaled[:, 0].bool()
        found["masks"] = masks
    return found
