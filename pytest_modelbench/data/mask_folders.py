"""Label maps from folders: laid out as Pascal VOC, or as Cityscapes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from pytest_modelbench.core.errors import UsageError, hide_own_frames
from pytest_modelbench.core.tasks import IGNORED
from pytest_modelbench.data.datasets import DataDigest, MapData
from pytest_modelbench.data.images import read_image, read_indices
from pytest_modelbench.data.listed import listed_file, listed_text
from pytest_modelbench.data.photos import below_common_folder

__tracebackhide__ = hide_own_frames

#: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/, in the order of the numbers in its palette images.
VOC_CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
#: Class by number in ``*_labelIds.png``; others do not count. Source: cityscapesScripts, helpers/labels.py, trainId.
CITYSCAPES_IDS = {
    7: "road", 8: "sidewalk", 11: "building", 12: "wall", 13: "fence", 17: "pole", 19: "traffic light",
    20: "traffic sign", 21: "vegetation", 22: "terrain", 23: "sky", 24: "person", 25: "rider", 26: "car", 27: "truck",
    28: "bus", 31: "train", 32: "motorcycle", 33: "bicycle",
}  # fmt: skip
CITYSCAPES_CLASSES = tuple(CITYSCAPES_IDS.values())
_IMAGE_SUFFIX, _MAP_SUFFIX = "_leftImg8bit.png", "_gtFine_labelIds.png"


def mask_folder(path: str | Path, split: str = "val") -> MapData:
    """The label maps of ``split`` in the folder at ``path``, whichever of the two layouts it has.

    VOC: ``JPEGImages``, ``SegmentationClass`` and, if it is there, ``ImageSets/Segmentation/val.txt``; Cityscapes:
    ``leftImg8bit/val/*/*_leftImg8bit.png`` and ``gtFine/val/*/*_gtFine_labelIds.png``. Raises UsageError naming the
    file that does not fit.
    """
    root = Path(path)
    if not root.is_dir():
        raise UsageError(f"there is no folder {root} of label maps")
    if (root / "SegmentationClass").is_dir():
        return _data(f"voc-{split}", VOC_CLASSES, _voc_pairs(root, split), None)
    if (root / "gtFine").is_dir():
        table = torch.full((256,), IGNORED, dtype=torch.int64)
        table[list(CITYSCAPES_IDS)] = torch.arange(len(CITYSCAPES_IDS))
        return _data(f"cityscapes-{split}", CITYSCAPES_CLASSES, _cityscapes_pairs(root, split), table)
    raise UsageError(
        f"folder {root} holds no label maps: neither SegmentationClass (as Pascal VOC) nor gtFine (as Cityscapes); "
        "pass the folder that has one of them"
    )


def is_mask_folder(path: str | Path) -> bool:
    """Whether the folder has one of the two layouts."""
    return any((Path(path) / name).is_dir() for name in ("SegmentationClass", "gtFine"))


def _voc_pairs(root: Path, split: str) -> list[tuple[Path, Path]]:
    listing = root / "ImageSets" / "Segmentation" / f"{split}.txt"
    maps = root / "SegmentationClass"
    if listing.is_file():
        names = listed_text(listing, "list of label maps").split()
    else:
        names = sorted(file.stem for file in maps.glob("*.png"))
    if not names:
        raise UsageError(f"{listing if listing.is_file() else maps} names no label maps; fill it")
    images = root / "JPEGImages"
    where = str(listing if listing.is_file() else maps)
    return [(listed_file(images, f"{name}.jpg", where), listed_file(maps, f"{name}.png", where)) for name in names]


def _cityscapes_pairs(root: Path, split: str) -> list[tuple[Path, Path]]:
    images = root / "leftImg8bit" / split
    files = sorted(images.glob(f"*/*{_IMAGE_SUFFIX}"))
    if not files:
        raise UsageError(f"folder {images} holds no */*{_IMAGE_SUFFIX}; unpack leftImg8bit into {root}")
    maps = root / "gtFine" / split
    return [(file, maps / file.parent.name / (file.name.removesuffix(_IMAGE_SUFFIX) + _MAP_SUFFIX)) for file in files]


def _data(name: str, classes: tuple[str, ...], pairs: Sequence[tuple[Path, Path]], table: Tensor | None) -> MapData:
    fingerprint = DataDigest()
    for pair in pairs:
        for file in pair:
            if not file.is_file():
                raise UsageError(f"{name}: there is no file {file}; fetch it, or remove the other of the pair")
            fingerprint.file(file)

    def read(index: int) -> tuple[Tensor, Tensor]:
        image, found = read_image(pairs[index][0]), read_indices(pairs[index][1])
        if found.shape != image.shape[1:]:
            raise UsageError(
                f"label map {pairs[index][1]} is {found.shape[1]}x{found.shape[0]} pixels, and its image "
                f"{image.shape[2]}x{image.shape[1]}; take maps and images of one size"
            )
        if table is not None:
            return image, table[found]
        strange = found[(found >= len(classes)) & (found != IGNORED)]
        if len(strange):
            raise UsageError(
                f"label map {pairs[index][1]} has class {int(strange[0])}, and {name} has {len(classes)} classes and "
                f"{IGNORED} for what does not count; correct the map"
            )
        return image, found

    names = below_common_folder([image for image, _ in pairs])
    return MapData(name, classes, len(pairs), fingerprint.text, read, names)
