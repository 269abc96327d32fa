"""Tests that go by another id than their baselines: what a new id makes of an old one, and which may be which. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Described:
    """A test by what is, or was, measured of it: the case of each check, by the check's name."""

    test: str
    cases: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Move:
    """One command's worth of renaming: what it is given, and the tests that it takes along, old and new."""

    old: str
    new: str
    tests: tuple[tuple[str, str], ...]


def renamed(test: str, old: str, new: str) -> str | None:
    """What ``test`` is called once ``old`` is called ``new``; None if that leaves it as it is.

    ``old`` is a test, a function with all its parameters, or a class, a module or a folder with all its tests.
    """
    if test == old:
        return new
    if test.startswith((f"{old}::", f"{old}[")) or ("::" not in old and test.startswith(f"{old}/")):
        return new + test[len(old) :]
    return None


def named_alike(name: str, tests: Iterable[str]) -> set[str]:
    """What of ``tests`` may be meant by ``name``: tests and their functions, or modules and folders."""
    levels: tuple[Callable[[str], str], ...] = (str, _without_parameters) if "::" in name else (_module, _folder)
    return {level(test) for test in tests for level in levels} - {""}


def matches(gone: Iterable[Described], new: Iterable[Described]) -> list[tuple[str, str]]:
    """Ids of tests that are gone and of new ones that may be the same, each at most once, in the order of the old.

    Those fit that have a check in common, and one function name in two files, or one name without parameters and with;
    and those that have the same checks, most of them of the same case. Of several that fit, the nearest name is taken.
    """
    old_tests = list(gone)
    left_old, left_new = {one.test: one for one in old_tests}, {one.test: one for one in new}
    found: dict[str, str] = {}
    # One kind of likeness after the other, so that in a module of hundreds only what is left is looked at pair by pair.
    for keys, fits in _KINDS:
        by_key: dict[object, list[Described]] = defaultdict(list)
        for one in left_new.values():
            for key in keys(one):
                by_key[key].append(one)
        pairs = {
            (old.test, one.test): _likeness(old, one)
            for old in left_old.values()
            for key in keys(old)
            for one in by_key[key]
            if old.cases.keys() & one.cases.keys() and fits(old, one)
        }
        for old_id, new_id in sorted(pairs, key=lambda pair: (*(-part for part in pairs[pair]), pair)):
            if old_id in left_old and new_id in left_new:
                found[old_id] = new_id
                del left_old[old_id], left_new[new_id]
    return [(one.test, found[one.test]) for one in old_tests if one.test in found]


def moves(pairs: Sequence[tuple[str, str]], stored: Collection[str]) -> list[Move]:
    """``pairs`` of old and new ids as few commands: of a folder, a module, or a function with all of its parameters.

    Only where that takes no other test of ``stored`` along.
    """
    left, found = list(pairs), []
    for level in (_folder, _module, _without_parameters):
        groups: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        for old, new in left:
            groups[level(old), level(new)].append((old, new))
        for (old, new), group in groups.items():
            taken = {(test, to) for test in stored if (to := renamed(test, old, new))}
            if len(group) > 1 and old and new and taken == set(group):
                found.append(Move(old, new, tuple(group)))
                left = [pair for pair in left if pair not in taken]
    return [*found, *(Move(old, new, ((old, new),)) for old, new in left)]


def _any(old: Described, new: Described) -> bool:
    return True


def _gained_or_lost_parameters(old: Described, new: Described) -> bool:
    return ("[" in old.test) != ("[" in new.test)


def _measures_the_same(old: Described, new: Described) -> bool:
    alike = sum(new.cases.get(name) == case for name, case in old.cases.items())
    return old.cases.keys() == new.cases.keys() and 2 * alike > len(old.cases)


def _likeness(old: Described, new: Described) -> tuple[float, int]:
    """How alike two that fit are: the share of common checks that are of one case, and characters of their names."""
    common = old.cases.keys() & new.cases.keys()
    alike = sum(old.cases[name] == new.cases[name] for name in common)
    ends = _begin_alike(old.test, new.test) + _begin_alike(old.test[::-1], new.test[::-1])
    return alike / len(common), ends


def _begin_alike(one: str, other: str) -> int:
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _folder(test: str) -> str:
    return _module(test).rpartition("/")[0]


def _module(test: str) -> str:
    return test.partition("::")[0]


def _inside(test: str) -> str:
    return test.partition("::")[2]


def _without_parameters(test: str) -> str:
    module, separator, inside = test.partition("::")
    return module + separator + inside.partition("[")[0]


def _parameters(test: str) -> str:
    return _inside(test).partition("[")[2]


#: By what two that may be the same are found, and whether they are then; the surest first.
_KINDS: tuple[tuple[Callable[[Described], Iterable[object]], Callable[[Described, Described], bool]], ...] = (
    (lambda one: [_inside(one.test)], _any),
    (lambda one: [_without_parameters(one.test)], _gained_or_lost_parameters),
    (lambda one: [_parameters(one.test)] if _parameters(one.test) else [], _measures_the_same),
    (lambda one: one.cases.items(), _measures_the_same),
)
