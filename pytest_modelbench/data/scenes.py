"""Generated scenes: coloured shapes on a textured ground, with class, boxes, masks and label map known to the pixel.

Everything is whole numbers from `Draws`, so that the scenes are the same on every machine and in every version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pytest_modelbench.core.errors import UsageError, hide_own_frames
from pytest_modelbench.data.datasets import ClassData, DataDigest, MapData, ObjectData, Target
from pytest_modelbench.data.draws import Draws

__tracebackhide__ = hide_own_frames

#: Pixels a side.
SIZE = 96
TRAIN, HELD_OUT = "train", "held-out"
#: So many scenes an accuracy is measured on: one of them is half a percentage point.
HELD_OUT_COUNT = 200

#: Half of a shape's side, of 96: one is dominant, and up to three are small, without anything in between.
_LARGE, _SMALL, _MOST_SMALL = (20, 27), (8, 13), 3
#: Sum over the channels by which a shape differs from its ground at least; noise and pattern make up to 64 each.
_CONTRAST = 200
_NOISE, _PATTERN = 16, 24
#: Pixels between two boxes at least, and how often a place is looked for before a small shape is left out.
_GAP, _TRIES = 2, 30


def _triangle(x: Tensor, y: Tensor, r: int) -> Tensor:
    return (y.abs() <= r) & (2 * x.abs() <= y + r)


#: Which pixels belong to a shape of half side ``r``, by their distance right of and below its centre.
_SHAPES: dict[str, Callable[[Tensor, Tensor, int], Tensor]] = {
    "circle": lambda x, y, r: x * x + y * y <= r * r,
    "square": lambda x, y, r: torch.maximum(x.abs(), y.abs()) <= r,
    "triangle": _triangle,
    "ring": lambda x, y, r: (x * x + y * y <= r * r) & (10 * (x * x + y * y) >= 3 * r * r),
    "cross": lambda x, y, r: (torch.maximum(x.abs(), y.abs()) <= r) & (3 * torch.minimum(x.abs(), y.abs()) <= r),
}
CLASSES = tuple(_SHAPES)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One image and all that is true of it.

    ``image (3, H, W) uint8``; ``label``: the class of its dominant shape; of each shape, dominant one first,
    ``boxes (K, 4) float32`` (x1, y1, x2, y2), ``labels (K,) int64`` and ``masks (K, H, W) bool``.
    """

    image: Tensor
    label: int
    boxes: Tensor
    labels: Tensor
    masks: Tensor

    @property
    def label_map(self) -> Tensor:
        """Class of each pixel, ``(H, W) int64``: 0 is the ground, the shapes follow from 1."""
        # Shapes do not overlap.
        return (self.masks * (self.labels + 1)[:, None, None]).sum(dim=0)


def scenes(count: int, split: str = HELD_OUT, *, seed: int = 0, size: int = SIZE) -> tuple[Scene, ...]:
    """So many scenes; those of another ``split`` or ``seed`` have nothing in common with them but the rules."""
    if split not in (TRAIN, HELD_OUT):
        raise UsageError(f"split={split!r}: scenes have {TRAIN!r} and {HELD_OUT!r}")
    if size < SIZE or count < 1:
        raise UsageError(f"{count} scenes of {size} pixels: there are scenes of at least {SIZE} pixels, one or more")
    return tuple(_scene(Draws(f"scenes 1/{split}/{seed}/{size}/{number}"), size) for number in range(count))


def scene_classes(count: int = HELD_OUT_COUNT, split: str = HELD_OUT, *, seed: int = 0, size: int = SIZE) -> ClassData:
    """Scenes for classification, by their dominant shape."""
    made = scenes(count, split, seed=seed, size=size)
    images, labels = torch.stack([one.image for one in made]), torch.tensor([one.label for one in made])
    return ClassData.of("scenes", images, labels, len(CLASSES))


def scene_objects(count: int = HELD_OUT_COUNT, split: str = HELD_OUT, *, seed: int = 0, size: int = SIZE) -> ObjectData:
    """Scenes for detection and instance segmentation."""
    made = scenes(count, split, seed=seed, size=size)
    fingerprint = DataDigest()
    for one in made:
        fingerprint.tensor(one.image).tensor(one.boxes).tensor(one.labels).tensor(one.masks)

    def read(index: int) -> tuple[Tensor, Target]:
        one = made[index]
        crowd = torch.zeros_like(one.labels)
        return one.image, {"boxes": one.boxes, "labels": one.labels, "iscrowd": crowd, "masks": one.masks}

    return ObjectData("scenes", CLASSES, count, fingerprint.text, read, has_masks=True)


def scene_maps(count: int = HELD_OUT_COUNT, split: str = HELD_OUT, *, seed: int = 0, size: int = SIZE) -> MapData:
    """Scenes for semantic segmentation; the ground is a class of its own."""
    made = [(one.image, one.label_map) for one in scenes(count, split, seed=seed, size=size)]
    fingerprint = DataDigest()
    for image, found in made:
        fingerprint.tensor(image).tensor(found)
    return MapData("scenes", ("ground", *CLASSES), count, fingerprint.text, made.__getitem__)


def _scene(draws: Draws, size: int) -> Scene:
    ground = [draws.between(40, 215) for _ in range(3)]
    image = _textured(draws, ground, size)
    boxes: list[tuple[int, int, int, int]] = []
    labels, masks = [], []
    for number in range(1 + draws.below(_MOST_SMALL + 1)):
        radius = draws.between(*(_SMALL if number else _LARGE)) * size // SIZE
        label = draws.below(len(CLASSES))
        mask = _placed(draws, CLASSES[label], radius, size, boxes)
        if mask is None:
            continue
        colour = torch.tensor(_contrasting(draws, ground))[:, None, None]
        image = torch.where(mask, colour + _noise(draws, size), image)
        labels.append(label)
        masks.append(mask)
    return Scene(
        image.clamp(0, 255).to(torch.uint8),
        labels[0],
        torch.tensor(boxes, dtype=torch.float32),
        torch.tensor(labels),
        torch.stack(masks),
    )


def _textured(draws: Draws, ground: list[int], size: int) -> Tensor:
    """The ground ``(3, H, W) int64``: stripes in some direction, or checks, under noise."""
    x, y = _grid(size)
    period, checks = draws.between(3, 12), draws.below(2)
    across, down = draws.between(-2, 2), draws.between(1, 2)
    pattern = (x // period + y // period) if checks else (across * x + down * y) // period
    swing = torch.tensor([draws.between(-_PATTERN, _PATTERN) for _ in range(3)])[:, None, None]
    return torch.tensor(ground)[:, None, None] + swing * (pattern % 2) + _noise(draws, size)


def _noise(draws: Draws, size: int) -> Tensor:
    octets = torch.frombuffer(bytearray(draws.octets(3 * size * size)), dtype=torch.uint8)
    return octets.reshape(3, size, size).long() % (2 * _NOISE + 1) - _NOISE


def _contrasting(draws: Draws, ground: list[int]) -> list[int]:
    while True:
        colour = [draws.below(256) for _ in range(3)]
        if sum(abs(one - other) for one, other in zip(colour, ground, strict=True)) >= _CONTRAST:
            return colour


def _placed(draws: Draws, shape: str, radius: int, size: int, boxes: list[tuple[int, int, int, int]]) -> Tensor | None:
    """The pixels ``(H, W) bool`` of a shape clear of ``boxes``, to which its own is added; None if there is no room."""
    turns = draws.below(4)
    for _ in range(_TRIES):
        left, top = draws.between(0, size - 2 * radius - 1), draws.between(0, size - 2 * radius - 1)
        if all(_apart((left, top, left + 2 * radius + 1, top + 2 * radius + 1), other) for other in boxes):
            break
    else:
        return None
    x, y = _grid(size)
    x, y = x - left - radius, y - top - radius
    for _ in range(turns):
        x, y = y, -x
    mask = _SHAPES[shape](x, y, radius)
    rows, columns = mask.any(dim=1).nonzero(), mask.any(dim=0).nonzero()
    boxes.append((int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1))
    return mask


def _apart(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return (
        one[0] >= other[2] + _GAP or other[0] >= one[2] + _GAP or one[1] >= other[3] + _GAP or other[1] >= one[3] + _GAP
    )


def _grid(size: int) -> tuple[Tensor, Tensor]:
    """Column and row of each pixel, as shapes that broadcast to ``(H, W)``."""
    steps = torch.arange(size)
    return steps[None, :], steps[:, None]
