"""Labelled images of one's own: a folder per class."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from timm.data import ImageNetInfo, infer_imagenet_subset

from pytest_modelbench.core.errors import UsageError, hide_own_frames
from pytest_modelbench.data.photos import LabelledImages, labelled_images

__tracebackhide__ = hide_own_frames

#: As torchvision.datasets.ImageFolder.
_SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")

#: WordNet ids of nouns, which ImageNet's class folders are named after: n01440764.
_SYNSET = re.compile(r"n\d{8}")


def image_folder(path: str | Path, num_classes: int | None = None) -> LabelledImages:
    """All images under ``path``, which has one folder per class.

    Folders named as ImageNet synsets get ImageNet's labels, folders named as whole numbers those numbers, any others
    their place in sorted order, as `torchvision.datasets.ImageFolder` does it. ``num_classes`` is how many classes the
    model tells apart; the labels must fit it.
    """
    root = Path(path)
    if not root.is_dir():
        raise UsageError(f"image folder {root} does not exist")
    folders = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if not folders:
        raise UsageError(f"image folder {root} has no folders in it; put the images of each class into one of its own")
    labels, count = _labels(root, folders, num_classes)
    pairs = [(file, label) for name, label in zip(folders, labels, strict=True) for file in _images(root / name)]
    return labelled_images(root.resolve().name, [file for file, _ in pairs], [label for _, label in pairs], count)


def _images(folder: Path) -> list[Path]:
    files = sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in _SUFFIXES and not file.name.startswith(".") and file.is_file()
    )
    if not files:
        raise UsageError(f"class folder {folder} holds no images ({' '.join(_SUFFIXES)}); fill or remove it")
    return files


def _labels(root: Path, folders: Sequence[str], num_classes: int | None) -> tuple[list[int], int]:
    """The label of each folder, and the number of classes."""
    if all(_SYNSET.fullmatch(name) for name in folders):
        subset = infer_imagenet_subset({"num_classes": num_classes or 1000})
        if subset is not None:
            return _synset_labels(root, folders, subset)
    if all(name.isascii() and name.isdecimal() for name in folders):
        return _number_labels(root, folders, num_classes)
    if num_classes is not None and len(folders) != num_classes:
        raise UsageError(
            f"image folder {root} has {len(folders)} folders, and the model tells {num_classes} classes apart; name "
            "the folders by class number, or have one for each class"
        )
    return list(range(len(folders))), len(folders)


def _synset_labels(root: Path, folders: Sequence[str], subset: str) -> tuple[list[int], int]:
    place = {synset: index for index, synset in enumerate(ImageNetInfo(subset).label_names())}
    if unknown := [name for name in folders if name not in place]:
        raise UsageError(f"image folder {root}: {', '.join(unknown[:3])} is not in {subset}; remove or rename it")
    return [place[name] for name in folders], len(place)


def _number_labels(root: Path, folders: Sequence[str], num_classes: int | None) -> tuple[list[int], int]:
    labels = [int(name) for name in folders]
    if len(set(labels)) != len(labels):
        raise UsageError(f"image folder {root} has two folders for one class number; merge them")
    if num_classes is not None and max(labels) >= num_classes:
        raise UsageError(
            f"image folder {root} has a folder {max(labels)}, and the model's classes end at {num_classes - 1}"
        )
    return labels, num_classes or max(labels) + 1
