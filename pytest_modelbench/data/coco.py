"""Objects from a file in COCO's format, and the images that it names."""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pytest_modelbench.core.errors import MissingExtraError, UsageError, hide_own_frames
from pytest_modelbench.data.coco_masks import checked_segment, is_number, shortened
from pytest_modelbench.data.datasets import DataDigest, ObjectData, Target
from pytest_modelbench.data.images import read_image
from pytest_modelbench.data.listed import listed_file, listed_text

__tracebackhide__ = hide_own_frames

#: Pixels by which a box may stick out of its image without a word: COCO's own boxes are rounded that far.
_ROUNDING = 1.0
_REQUIRED = ("images", "annotations", "categories")


@dataclass(frozen=True, slots=True)
class _Picture:
    """One image as the file describes it, with its objects."""

    entry: str  #: how messages call it
    path: Path
    width: int
    height: int
    boxes: tuple[tuple[float, float, float, float], ...]
    labels: tuple[int, ...]
    crowd: tuple[int, ...]
    segments: tuple[Any, ...]  #: as in the file


@dataclass(frozen=True, slots=True)
class _CocoFile:
    """What is read, and how: ``folder`` has the images, ``places`` are the classes by category id."""

    path: Path
    folder: Path
    places: Mapping[int, int]
    masks: bool


def coco_objects(path: str | Path, images: str | Path | None = None, *, masks: bool = False) -> ObjectData:
    """The objects in the COCO file at ``path``; classes are counted from 0 in the order of the category ids.

    ``images``: the folder of the images; by default the folder of the file, ``images`` in it, or ``val2017`` beside the
    folder of ``instances_val2017.json``. With ``masks`` also masks, from polygons or run lengths. An image without
    objects is taken, a file without any is not. Boxes that stick out of their image are clipped, with a warning where
    it is by more than rounding. Raises UsageError naming file and entry.
    """
    path = Path(path)
    if masks and find_spec("pycocotools") is None:
        raise MissingExtraError("pycocotools", "detection")
    document = _read(path)
    categories = {_field(entry, "id", int, f"{path}: category"): entry for entry in document["categories"]}
    order = sorted(categories)
    names = tuple(str(categories[number].get("name", number)) for number in order)
    places = {number: place for place, number in enumerate(order)}
    pictures = _pictures(document, _CocoFile(path, _image_folder(path, images), places, masks))
    fingerprint = DataDigest()
    for one in pictures:
        fingerprint.file(one.path)
        fingerprint.add(json.dumps([one.boxes, one.labels, one.crowd, one.segments], sort_keys=True).encode())
    read = functools.partial(_sample, tuple(pictures), masks)
    return ObjectData(path.stem, names, len(pictures), fingerprint.text, read, has_masks=masks)


def is_coco(path: str | Path) -> bool:
    """Whether it is a file, or a folder laid out as COCO."""
    path = Path(path)
    return path.is_file() or any(path.glob("annotations/instances_*.json"))


def coco_file(path: str | Path) -> Path | None:
    """The file at ``path``; of a folder laid out as COCO its instances for validation, or the only JSON file in it.

    None for a path that has no such file.
    """
    path = Path(path)
    if not path.is_dir():
        return path if path.is_file() else None
    for pattern in ("annotations/instances_val*.json", "annotations/instances_*.json", "*.json"):
        if len(files := sorted(path.glob(pattern))) == 1:
            return files[0]
    return None


def _read(path: Path) -> dict[str, list[dict[str, Any]]]:
    try:
        document = json.loads(listed_text(path, "COCO file"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"COCO file {path} cannot be read: {error}; pass a JSON file") from error
    for key in _REQUIRED:
        entries = document.get(key) if isinstance(document, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise UsageError(f"COCO file {path} has no list of {key}; pass a file of instances, not of results")
        if not entries:
            raise UsageError(f"COCO file {path} has an empty list of {key}, so there is nothing to find; complete it")
    return document  # type: ignore[no-any-return]


def _field(entry: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    value = entry.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UsageError(f"{where} has {key}={value!r}, not a {kind.__name__}: {shortened(entry)}; correct the file")
    return value


def _pictures(document: Mapping[str, list[dict[str, Any]]], source: _CocoFile) -> list[_Picture]:
    path = source.path
    entries: dict[int, dict[str, Any]] = {}
    for entry in document["images"]:
        number = _field(entry, "id", int, f"{path}: image")
        if number in entries:
            raise UsageError(f"{path} has two images with id {number}; give each its own")
        entries[number] = entry
    objects: dict[int, list[dict[str, Any]]] = {number: [] for number in entries}
    for annotation in document["annotations"]:
        where = f"{path}: annotation {annotation.get('id')}"
        number = _field(annotation, "image_id", int, where)
        if number not in objects:
            raise UsageError(f"{where} is of image {number}, which the file does not list; add the image or remove it")
        if _field(annotation, "category_id", int, where) not in source.places:
            raise UsageError(
                f"{where} is of category {annotation['category_id']}, which the file does not list; add the category"
            )
        objects[number].append(annotation)
    clipped: list[str] = []
    pictures = [_picture(entries[n], objects[n], source, clipped) for n in sorted(entries)]
    if clipped:
        warnings.warn(
            f"{path}: {len(clipped)} boxes stick out of their images and are clipped, as {clipped[0]}", stacklevel=3
        )
    return pictures


def _image_folder(path: Path, folder: str | Path | None) -> Path:
    if folder is not None:
        if not Path(folder).is_dir():
            raise UsageError(f"there is no image folder {folder} for {path}")
        return Path(folder)
    # As COCO itself is laid out: annotations/instances_val2017.json and val2017/.
    beside = path.parent.parent / path.stem.removeprefix("instances_")
    inside = path.parent / "images"
    return next((candidate for candidate in (beside, inside) if candidate.is_dir()), path.parent)


def _picture(
    entry: Mapping[str, Any],
    annotations: Sequence[Mapping[str, Any]],
    source: _CocoFile,
    clipped: list[str],
) -> _Picture:
    """One image with its objects; boxes that stick out of it are told in ``clipped``."""
    path = source.path
    where = f"{path}: image {entry['id']}"
    width, height = (_field(entry, side, int, where) for side in ("width", "height"))
    file = listed_file(source.folder, _field(entry, "file_name", str, where), where)
    boxes = []
    for annotation in annotations:
        at = f"{path}: annotation {annotation.get('id')}"
        box, overhang = _box(annotation, width, height, at)
        boxes.append(box)
        if overhang > _ROUNDING:
            clipped.append(f"annotation {annotation.get('id')} by {overhang:g} pixels")
    segments = [
        checked_segment(one, width, height, f"{path}: annotation {one.get('id')}")
        for one in annotations
        if source.masks
    ]
    return _Picture(
        where, file, width, height, tuple(boxes),
        tuple(source.places[one["category_id"]] for one in annotations),
        tuple(int(bool(one.get("iscrowd", 0))) for one in annotations), tuple(segments),
    )  # fmt: skip


def _box(
    annotation: Mapping[str, Any], width: int, height: int, where: str
) -> tuple[tuple[float, float, float, float], float]:
    """The box as x1, y1, x2, y2 within the image, and by how many pixels it stuck out."""
    box = annotation.get("bbox")
    if not (isinstance(box, list) and len(box) == 4 and all(is_number(side) for side in box)):
        raise UsageError(f"{where}: bbox is {shortened(box)}, not [x, y, width, height]; correct the file")
    left, top, right, bottom = box[0], box[1], box[0] + box[2], box[1] + box[3]
    inside = max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))
    if inside[2] <= inside[0] or inside[3] <= inside[1]:
        raise UsageError(
            f"{where}: bbox {box} has no area within its image of {width}x{height} pixels; correct or remove it"
        )
    return inside, max(-left, -top, right - width, bottom - height)


def _sample(pictures: Sequence[_Picture], masks: bool, index: int) -> tuple[Tensor, Target]:
    one = pictures[index]
    image = read_image(one.path)
    if tuple(image.shape[1:]) != (one.height, one.width):
        raise UsageError(
            f"{one.entry} is {one.width}x{one.height} pixels by the file, and {image.shape[2]}x{image.shape[1]} in "
            f"{one.path}; take the images that the file was made for"
        )
    target = {
        "boxes": torch.tensor(one.boxes, dtype=torch.float32).reshape(-1, 4),
        "labels": torch.tensor(one.labels, dtype=torch.int64),
        "iscrowd": torch.tensor(one.crowd, dtype=torch.int64),
    }
    if masks:
        try:
            target["masks"] = _masks(one)
        except (TypeError, ValueError, IndexError, RuntimeError) as error:
            raise UsageError(f"{one.entry}: a mask of it cannot be read: {error}; correct the file") from error
    return image, target


def _masks(one: _Picture) -> Tensor:
    """Masks ``(K, H, W) bool``, by COCO's own rasterizer: another one would disagree at every edge."""
    import pycocotools.mask as rle

    masks = torch.zeros((len(one.segments), one.height, one.width), dtype=torch.bool)
    for place, segment in enumerate(one.segments):
        masks[place] = torch.from_numpy(rle.decode(_packed(rle, segment, one))).bool()
    return masks


def _packed(rle: Any, segment: Any, one: _Picture) -> Any:
    """The segment as the decoder takes it: compressed run lengths."""
    if isinstance(segment, list):
        return rle.merge(rle.frPyObjects(segment, one.height, one.width))
    return rle.frPyObjects(segment, one.height, one.width) if isinstance(segment["counts"], list) else segment
