"""What a module says of the classes that it tells apart: how many, and their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain

from torch import nn

#: What transformers calls the classes of a model that was not told their names.
_NAMELESS = "LABEL_"


def stated_classes(module: nn.Module) -> int | None:
    """How many classes ``module`` says it tells apart, as timm's and transformers' models do; None if it does not."""
    for count in (getattr(module, "num_classes", None), getattr(module, "num_labels", None)):
        if isinstance(count, int) and not isinstance(count, bool) and count > 0:
            return count
    return None


def class_places(module: nn.Module) -> Mapping[str, int]:
    """Which output each class has that ``module`` knows by name; empty if it knows none.

    From ``id2label`` and ``label2id`` of a transformers' configuration, or ``label_names`` of a timm's. A name of two
    classes is left out.
    """
    config, timms = getattr(module, "config", None), getattr(module, "pretrained_cfg", None)
    by_number, by_name = getattr(config, "id2label", None), getattr(config, "label2id", None)
    names = timms.get("label_names") if isinstance(timms, Mapping) else None
    found = chain(
        ((name, number) for number, name in _items(by_number)),
        _items(by_name),
        ((name, number) for number, name in enumerate(names or ())),
    )
    return _unambiguous(found)


def _items(mapping: object) -> Iterable[tuple[object, object]]:
    return mapping.items() if isinstance(mapping, Mapping) else ()


def _unambiguous(found: Iterable[tuple[object, object]]) -> dict[str, int]:
    places: dict[str, set[int]] = {}
    for name, number in found:
        if not isinstance(name, str) or name.startswith(_NAMELESS):
            continue
        try:
            places.setdefault(name, set()).add(int(str(number)))
        except ValueError:
            continue
    return {name: numbers.pop() for name, numbers in places.items() if len(numbers) == 1}
