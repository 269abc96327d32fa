"""Which of a model's outputs stands for which class folder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from timm.data import ImageNetInfo, infer_imagenet_subset

from pytest_modelbench.core.errors import UsageError, did_you_mean, hide_own_frames

__tracebackhide__ = hide_own_frames

#: The classes in the model's order, or the output of each folder.
Classes = Sequence[str] | Mapping[str, int]

#: WordNet ids of nouns, which ImageNet's class folders are named after: n01440764.
_SYNSET = re.compile(r"n\d{8}")
_NAMED = 3  #: folders that a message names


@dataclass(frozen=True, slots=True)
class Labelling:
    """The output that stands for each folder, of ``num_classes``, and ``by`` what that is known."""

    labels: tuple[int, ...]
    num_classes: int
    by: str


@dataclass(frozen=True, slots=True)
class Outputs:
    """A model's outputs: how many, if that is known, and which of them it knows by name itself."""

    count: int | None = None
    places: Mapping[str, int] | None = None


def labelling(root: Path, folders: Sequence[str], outputs: Outputs, classes: Classes | None = None) -> Labelling:
    """The labels of ``folders``, which lie in ``root``.

    By ``classes``; else by the model's own names, if they are those of all the folders; else folders named as ImageNet
    synsets get ImageNet's labels, folders named as whole numbers those numbers, any others their place in sorted order,
    as `torchvision.datasets.ImageFolder` does it. That holds for a model with as many outputs as there are folders, and
    with no other names for them. Raises UsageError that says what to pass.
    """
    if classes is not None:
        return _given(root, folders, outputs, classes)
    if outputs.places and (known := _by_own_names(folders, outputs.places)) is not None:
        return Labelling(known, outputs.count or max(outputs.places.values()) + 1, "the model's own names")
    if all(_SYNSET.fullmatch(name) for name in folders):
        subset = infer_imagenet_subset({"num_classes": outputs.count or 1000})
        if subset is not None:
            return _by_synsets(root, folders, subset)
    if all(name.isascii() and name.isdecimal() for name in folders):
        return _by_numbers(root, folders, outputs.count)
    if outputs.count is not None and len(folders) != outputs.count:
        raise UsageError(
            f"image folder {root} has {len(folders)} folders, and the model tells {outputs.count} classes apart, so "
            "which output stands for which folder is not known; pass classes=, the names of all its classes in the "
            "model's order or a dict from folder to output, or name the folders by class number"
        )
    if outputs.places:
        raise UsageError(
            f"image folder {root} has folders {_told(folders)}, and the model's own names for its classes are others: "
            f"{_told(list(outputs.places))}; rename the folders, or pass classes=, a dict from folder to output"
        )
    return Labelling(tuple(range(len(folders))), len(folders), "folders in sorted order")


def _given(root: Path, folders: Sequence[str], outputs: Outputs, classes: Classes) -> Labelling:
    if isinstance(classes, str) or not isinstance(classes, (Mapping, Sequence)):
        raise UsageError(f"classes={classes!r} is neither a list of names nor a dict from folder to output")
    if isinstance(classes, Mapping):
        places = dict(classes)
        count = outputs.count or max(places.values(), default=0) + 1
    else:
        places = {name: place for place, name in enumerate(classes)}
        count = len(classes)
        if len(places) != count:
            twice = next(name for place, name in enumerate(classes) if places[name] != place)
            raise UsageError(f"classes= names {twice!r} twice; each output has one name, so pass a dict instead")
        if outputs.count not in (None, count):
            raise UsageError(
                f"classes= names {count} classes, and the model tells {outputs.count} apart; name all of them in the "
                "model's order, or pass a dict from folder to output"
            )
    for name in folders:
        if name not in places:
            near = did_you_mean(name, map(str, places))
            raise UsageError(f"image folder {root} has a folder {name!r}, which classes= does not name.{near}")
        place = places[name]
        if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < count:
            raise UsageError(f"classes= gives folder {name!r} output {place!r}, and outputs go from 0 to {count - 1}")
    return Labelling(tuple(places[name] for name in folders), count, "classes=")


def _by_own_names(folders: Sequence[str], places: Mapping[str, int]) -> tuple[int, ...] | None:
    """The outputs of ``folders`` by the model's names, in other letters where none is the same; None if not all."""
    alike: dict[str, set[int]] = {}
    for name, place in places.items():
        alike.setdefault(_plain(name), set()).add(place)
    found = [{places[name]} if name in places else alike.get(_plain(name), set()) for name in folders]
    if any(len(one) != 1 for one in found):
        return None
    labels = tuple(next(iter(one)) for one in found)
    return labels if len(set(labels)) == len(labels) else None


def _plain(name: str) -> str:
    return name.casefold().replace("_", " ")


def _told(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(map(repr, names[:_NAMED])) + (f" and {more} more" if more > 0 else "")


def _by_synsets(root: Path, folders: Sequence[str], subset: str) -> Labelling:
    place = {synset: index for index, synset in enumerate(ImageNetInfo(subset).label_names())}
    if unknown := [name for name in folders if name not in place]:
        raise UsageError(f"image folder {root}: {', '.join(unknown[:_NAMED])} is not in {subset}; remove or rename it")
    return Labelling(tuple(place[name] for name in folders), len(place), f"synsets of {subset}")


def _by_numbers(root: Path, folders: Sequence[str], count: int | None) -> Labelling:
    labels = tuple(int(name) for name in folders)
    if len(set(labels)) != len(labels):
        raise UsageError(f"image folder {root} has two folders for one class number; merge them")
    if count is not None and max(labels) >= count:
        raise UsageError(f"image folder {root} has a folder {max(labels)}, and the model's classes end at {count - 1}")
    return Labelling(labels, count or max(labels) + 1, "folders named by number")
