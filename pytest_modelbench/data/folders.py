"""Labelled images of one's own: a folder per class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pytest_modelbench.core.errors import UsageError, hide_own_frames
from pytest_modelbench.data.labelling import Classes, Labelling, Outputs, labelling
from pytest_modelbench.data.photos import LabelledImages, labelled_images

__tracebackhide__ = hide_own_frames

#: As torchvision.datasets.ImageFolder.
_SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, slots=True)
class ClassFolders:
    """A folder per class below ``root``, and the images in each; which class that is depends on the model."""

    root: Path
    names: tuple[str, ...]
    files: tuple[tuple[Path, ...], ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """All images, class by class."""
        return tuple(path for files in self.files for path in files)

    def labelling(self, outputs: Outputs, classes: Classes | None = None) -> Labelling:
        """Which output of a model stands for which folder: see `data.labelling.labelling`."""
        return labelling(self.root, self.names, outputs, classes)

    def labelled(self, by: Labelling) -> LabelledImages:
        """The images with their labels; reads every file for the fingerprint."""
        labels = [label for label, files in zip(by.labels, self.files, strict=True) for _ in files]
        return labelled_images(self.root.resolve().name, self.paths, labels, by.num_classes)


def class_folders(path: str | Path) -> ClassFolders:
    """All images under ``path``, which has one folder per class; raises UsageError if it has not."""
    root = Path(path)
    if not root.is_dir():
        raise UsageError(f"image folder {root} does not exist; correct its path, or put the images there")
    names = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if not names:
        raise UsageError(f"image folder {root} has no folders in it; put the images of each class into one of its own")
    return ClassFolders(root, tuple(names), tuple(_images(root / name) for name in names))


def _images(folder: Path) -> tuple[Path, ...]:
    files = sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in _SUFFIXES and not file.name.startswith(".") and file.is_file()
    )
    if not files:
        raise UsageError(f"class folder {folder} holds no images ({' '.join(_SUFFIXES)}); fill or remove it")
    return tuple(files)
