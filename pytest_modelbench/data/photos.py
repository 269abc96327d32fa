"""Labelled images, how they become batches, and twenty photos that come as a package."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from pytest_modelbench.core.errors import MissingExtraError, UsageError, hide_own_frames
from pytest_modelbench.data.datasets import file_digest

__tracebackhide__ = hide_own_frames

Transform = Callable[[Image.Image], Tensor]


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """Image files with the class of each. ``fingerprint`` changes with any byte or label, not with names."""

    name: str
    paths: tuple[Path, ...]
    labels: tuple[int, ...]
    num_classes: int
    fingerprint: str

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def sample_names(self) -> tuple[str, ...]:
        """What each image is called in messages: its path below the folder that holds all of them."""
        return below_common_folder(self.paths)


def labelled_images(name: str, paths: Sequence[Path], labels: Sequence[int], num_classes: int) -> LabelledImages:
    """The images with their fingerprint; reads every file."""
    return LabelledImages(name, tuple(paths), tuple(labels), num_classes, _fingerprint(paths, labels))


def imagenet_photos() -> LabelledImages:
    """The photos in foolbox's data folder, named ``imagenet_<number>_<class>.jpg``; foolbox itself is not imported."""
    spec = find_spec("foolbox")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("foolbox", "samples")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    paths = sorted(folder.glob("imagenet_*_*.jpg"))
    if not paths:
        raise UsageError(f"{folder} holds no ImageNet photos; reinstall pytest-modelbench[samples]")
    return labelled_images("imagenet-photos", paths, [int(path.stem.split("_")[2]) for path in paths], 1000)


def labels_in_batches(labels: Sequence[int] | Tensor, batch_size: int) -> Iterator[Tensor]:
    """The labels, ``(N,) int64`` at a time."""
    for start in range(0, len(labels), batch_size):
        yield torch.as_tensor(labels[start : start + batch_size], dtype=torch.int64)


def prepared(pictures: Iterable[Image.Image], transform: Transform, batch_size: int) -> Iterator[Tensor]:
    """Batches ``(N, 3, H, W) float32`` of what ``transform`` makes of each picture; the last one may be smaller.

    Raises UsageError for pictures of which it makes different shapes.
    """
    made = (transform(picture).to(torch.float32) for picture in pictures)
    first = 0
    while batch := list(islice(made, batch_size)):
        if other := next((number for number, one in enumerate(batch) if one.shape != batch[0].shape), None):
            one, another = (tuple(batch[place].shape) for place in (0, other))
            raise UsageError(
                f"sample {first} is {one} once it is prepared, and sample {first + other} is {another}; "
                "let the transform crop or scale all images to one size"
            )
        yield torch.stack(batch)
        first += len(batch)


def below_common_folder(paths: Sequence[Path]) -> tuple[str, ...]:
    """``paths`` as seen from the innermost folder that holds all of them, with slashes."""
    if not paths:
        return ()
    folder = os.path.commonpath([path.absolute().parent for path in paths])
    return tuple(path.absolute().relative_to(folder).as_posix() for path in paths)


def _fingerprint(paths: Sequence[Path], labels: Sequence[int]) -> str:
    """First 16 hex digits of SHA-256 over the digest of each file and its label."""
    total = hashlib.sha256()
    for path, label in zip(paths, labels, strict=True):
        total.update(f"{file_digest(path).hex()} {label}\n".encode())
    return total.hexdigest()[:16]
