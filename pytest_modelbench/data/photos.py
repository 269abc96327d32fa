"""Labelled images, how they become batches, and twenty photos that come as a package."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from pytest_modelbench.core.errors import MissingExtraError, UsageError, hide_own_frames
from pytest_modelbench.data.datasets import file_digest
from pytest_modelbench.data.images import open_image

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


def batches(images: LabelledImages, transform: Transform, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs of ``(N, 3, H, W) float32`` and ``(N,) int64``, in order; the last one may be smaller."""
    for start in range(0, len(images), batch_size):
        part = slice(start, start + batch_size)
        prepared = [transform(open_image(path, "RGB")).to(torch.float32) for path in images.paths[part]]
        yield torch.stack(prepared), torch.tensor(images.labels[part], dtype=torch.int64)


def _fingerprint(paths: Sequence[Path], labels: Sequence[int]) -> str:
    """First 16 hex digits of SHA-256 over the digest of each file and its label."""
    total = hashlib.sha256()
    for path, label in zip(paths, labels, strict=True):
        total.update(f"{file_digest(path).hex()} {label}\n".encode())
    return total.hexdigest()[:16]
