"""Where in a model a count or a size changed, and by what: the items that it is the sum of, in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_modelbench.core.breakdown import ItemChange
from pytest_modelbench.core.reasons import ItemsChanged, Placed
from pytest_modelbench.report.scale import difference

#: A part is to blame if so much of all that changed is in it.
_NEARLY_ALL = 0.9
#: Of a time, which varies everywhere, a part that has so much of what it changed by in all.
_MOST = 0.75
#: A share of the whole that is less is noise, or not worth a word.
_WORTH_TELLING = 0.05
_MOST_KINDS = 6
_MOST_PARTS = 4


def items_in_short(changed: ItemsChanged) -> str:
    """``in layer2.2: +2 aten::convolution, +2 aten::batch_norm``: one line."""
    part, kinds = _part_to_blame(changed.items), _kinds(changed)
    told = ", ".join(f"{one.amount} {one.what}" for one in kinds[:_MOST_PARTS])
    more = f" and {len(kinds) - _MOST_PARTS} more" if len(kinds) > _MOST_PARTS else ""
    return f"in {part}: {told}{more}" if part else f"{told}{more}"


def item_lines(changed: ItemsChanged) -> list[str]:
    """Where it changed, then what did, of each kind how much: below a headline, labels as wide as those of values."""
    part = _part_to_blame(changed.items)
    where = f"{part}, {_of_all(changed, part)}" if part else _parts(changed)
    kinds = _kinds(changed)
    width = max(len(one.amount) for one in kinds[:_MOST_KINDS])
    told = [f"{one.amount:<{width}} {one.what}{_among(one.modules, part)}" for one in kinds[:_MOST_KINDS]]
    if len(kinds) > _MOST_KINDS:
        told.append(f"and {len(kinds) - _MOST_KINDS} more kinds")
    lead = ["what     ", *[" " * 9] * (len(told) - 1)]
    return [f"where     {where}", *(f"{label} {line}" for label, line in zip(lead, told, strict=True))]


def placed_in_short(placed: Placed) -> str:
    """``in layer2: +9.80 ms of +10.2 ms``: one line."""
    part = _part_that_moved(placed.times.items)
    return f"in {part or 'many parts'}: {_of_whole(placed.times, part)}"


def placed_lines(placed: Placed) -> list[str]:
    """Where the time went, split until the whole is told; what took it, and what is called more often or less."""
    times = placed.times
    part = _part_that_moved(times.items)
    told = [f"where     {part or 'many parts'}, {_of_whole(times, part)} (timed with hooks)"]
    if split := _split(times, part):
        told.append(f"          {split}")
    least = _WORTH_TELLING * abs(_net(times.items))
    kinds = [f"{one.amount} {one.what}" for one in _kinds(times) if one.size >= least]
    if kinds:
        told.append(f"what      {', '.join(kinds[:_MOST_PARTS])}")
    if placed.calls and placed.calls.items:
        calls = items_in_short(placed.calls)
        told.append(f"calls     {calls.removeprefix(f'in {part}: ')}")
    return told


def _of_whole(times: ItemsChanged, part: str) -> str:
    whole = _told(times.items, times.unit)
    return f"{_told(_within(times.items, part), times.unit)} of {whole}" if part else f"{whole} in all"


def _part_that_moved(items: Sequence[ItemChange]) -> str:
    """The smallest part that explains most of what a time changed by: every part's time varies, if by little."""
    way = -1 if _net(items) < 0 else 1
    return _smallest_with(_MOST, items, lambda some: way * _net(some))


def _smallest_with(share: float, items: Sequence[ItemChange], size: Callable[[Sequence[ItemChange]], int]) -> str:
    """The smallest part of the model that has so much of the ``size`` of all ``items``; empty: the model itself."""
    least, part = share * size(items), ""
    while True:
        sizes = {name: size(_within(items, name)) for name in _below(items, part)}
        largest = max(sizes, key=sizes.__getitem__, default=None)
        if largest is None or sizes[largest] < least:
            return part
        part = largest


def _below(items: Sequence[ItemChange], part: str) -> list[str]:
    """The parts one step below ``part`` that have some of ``items``, in their order."""
    return [name for name in dict.fromkeys(_step_below(item.module, part) for item in items) if name]


def _step_below(module: str, part: str) -> str | None:
    """The part one step below ``part`` that has ``module``, or is it; None if that is elsewhere."""
    if not part:
        return module.partition(".")[0]
    if not module.startswith(f"{part}."):
        return None
    return f"{part}.{module[len(part) + 1 :].partition('.')[0]}"


def _split(times: ItemsChanged, part: str) -> str:
    """What is in ``part``, one step below it, and elsewhere: all that changed."""
    items, least = times.items, _WORTH_TELLING * abs(_net(times.items))
    below = sorted(_below(items, part))
    nets = sorted(((name, _net(_within(items, name))) for name in below), key=lambda one: -abs(one[1]))
    shown = [(name, net) for name, net in nets if abs(net) >= least][:_MOST_PARTS]
    if not shown:
        return ""
    told = [f"{name[len(part) :]} {_told(_within(items, name), times.unit)}" for name, _ in shown]
    names = {name for name, _ in shown}
    inside = _within(items, part)
    rest = [item for item in inside if _step_below(item.module, part) not in names]
    outside = [item for item in items if item not in inside]
    told += [f"others {_told(rest, times.unit)}"] if rest else []
    return ", ".join(told) + (f"; elsewhere {_told(outside, times.unit)}" if outside else "")


def _net(items: Sequence[ItemChange]) -> int:
    return sum(item.difference for item in items)


def _moved(items: Sequence[ItemChange]) -> int:
    """How much changed, up or down."""
    return sum(abs(item.difference) for item in items)


@dataclass(frozen=True, slots=True)
class _Kind:
    """How much more of one kind there is, and in which parts of the model that changed."""

    what: str
    amount: str
    size: int
    modules: list[str]


def _kinds(changed: ItemsChanged) -> list[_Kind]:
    """What changed most comes first; what merely moved to other parts last."""
    found: dict[str, list[ItemChange]] = {}
    for item in changed.items:
        found.setdefault(item.what, []).append(item)
    kinds = []
    for what, items in found.items():
        modules = [item.module for item in items]
        kinds.append(_Kind(what, _told(items, changed.unit), abs(_net(items)), modules))
    return sorted(kinds, key=lambda one: -one.size)


def _part_to_blame(items: Sequence[ItemChange]) -> str:
    """The smallest part of the model that has nearly all of what changed; empty if that is the model itself."""
    return _smallest_with(_NEARLY_ALL, items, _moved)


def _within(items: Sequence[ItemChange], part: str) -> list[ItemChange]:
    """Those of ``part`` and of what is in it; of the model itself, which has no name, all."""
    if not part:
        return list(items)
    return [item for item in items if item.module == part or item.module.startswith(f"{part}.")]


def _told(items: Sequence[ItemChange], unit: str) -> str:
    """How much more ``items`` are, together."""
    then, now = sum(item.then for item in items), sum(item.now for item in items)
    return difference(then / 1e9, now / 1e9, "s") if unit == "ns" else difference(then, now, unit)


def _of_all(changed: ItemsChanged, part: str) -> str:
    """How much of the change is in ``part``."""
    here = _within(changed.items, part)
    if len(here) == len(changed.items):
        return "and nowhere else"
    return f"{_told(here, changed.unit)} of {_told(changed.items, changed.unit)}"


def _parts(changed: ItemsChanged) -> str:
    """The parts that changed most, where there is not one alone."""
    first = sorted(_below(changed.items, ""), key=lambda name: -_moved(_within(changed.items, name)))
    told = [f"{name} {_told(_within(changed.items, name), changed.unit)}" for name in first[:_MOST_PARTS]]
    own = [item for item in changed.items if not item.module]
    if own:
        told.append(f"the model itself {_told(own, changed.unit)}")
    more = f" and {len(first) - _MOST_PARTS} more parts" if len(first) > _MOST_PARTS else ""
    return f"{', '.join(told)}{more}"


def _among(modules: Sequence[str], part: str) -> str:
    """`` in .0.conv1 ... .5.conv1``: the first and the last of ``modules``, as seen from ``part``."""
    names = [name.removeprefix(part) or "itself" for name in dict.fromkeys(modules)]
    if names == ["itself"]:
        return ""
    return f" in {names[0]}" if len(names) == 1 else f" in {names[0]} ... {names[-1]}"
