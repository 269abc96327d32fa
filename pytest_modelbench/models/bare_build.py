"""What a build on the meta device must not leave behind: tensors without values, for later builds of the process."""

from __future__ import annotations

import gc
import sys
import types
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any, TypeVar

import torch
from torch import Tensor

from pytest_modelbench.core.errors import level_of_test

Made = TypeVar("Made")

#: Tensors whose holders are looked for: one tells what to do.
_MOST_NAMED = 3
_MOST_HOLDERS = 20


def built_on_meta(make: Callable[[], Made], label: str) -> Made:
    """What ``make()`` makes with the meta device as the default one.

    Modules that it imports are imported with values all the same, since they stay. Warns, naming the build by
    ``label``, of tensors without values that somebody else holds afterwards: a cached function, a module's global.
    """
    with _new_objects() as new:
        # The device first: entering one imports what it is made of.
        with torch.device("meta"), _imports_with_values():
            made = make()
        left = _left_behind(new, made)
    if left.tensors and (told := _told(left)):
        warnings.warn(
            f"{label}: its builder, run on the meta device, left tensors without values: {'; '.join(told)}. A later "
            "build in this process may find them in the place of real ones, and fail or not by the order of tests; "
            "make them on device='cpu', or in the module itself",
            stacklevel=level_of_test(),
        )
    return made


class _WithValues(Loader):
    """Runs a module with the CPU as the default device, whichever is in force where it is imported."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> types.ModuleType | None:
        """As the loader does it."""
        made: types.ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: types.ModuleType) -> None:
        """Run the module, which finds its own loader in its place."""
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        with torch.device("cpu"):
            self._loader.exec_module(module)


class _Finder(MetaPathFinder):
    """Finds what the others find, to be run by `_WithValues`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of the first of the other finders that has one."""
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find and find(fullname, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _WithValues(spec.loader)
                return spec
        return None


@contextmanager
def _imports_with_values() -> Iterator[None]:
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


@dataclass(frozen=True, slots=True)
class _Left:
    """Tensors without values that others hold than what was made, and by identity all that belongs to that."""

    tensors: list[Tensor]
    own: set[int]


@contextmanager
def _new_objects() -> Iterator[Callable[[], list[Any]]]:
    """A function that lists objects made within, of those that the garbage collector knows."""
    if gc.get_freeze_count():  # somebody else's, which must stay; then little is left to look through
        before = gc.get_objects()
        old = set(map(id, before))  # and they live on, so that their identities stay theirs
        yield lambda: [one for one in gc.get_objects() if id(one) not in old and one is not before]
        return
    gc.freeze()
    try:
        yield gc.get_objects
    finally:
        gc.unfreeze()


def _left_behind(new: Callable[[], list[Any]], made: object) -> _Left:
    """Tensors among ``new()`` objects that have no values, and that others than ``made`` hold."""
    if not (left := _held_by_others(new(), made)).tensors:
        return left
    del left
    gc.collect()  # what was thrown away on the way, in reference cycles, is nobody's
    return _held_by_others(new(), made)


def _held_by_others(new: list[Any], made: object) -> _Left:
    bare = [one for one in new if isinstance(one, Tensor) and one.is_meta]
    holders = _holders_within(made, {id(one) for one in new})
    # How often asking itself holds each, which depends on Python's version, is told by one that nobody else has.
    bare.append(torch.empty(0))
    new.append(bare[-1])
    counts = [sys.getrefcount(one) for one in bare]
    left = [one for one, count in zip(bare, counts, strict=True) if count - counts[-1] > holders[id(one)]]
    return _Left(left, {id(made), *holders})


def _holders_within(made: object, known: set[int]) -> Counter[int]:
    """By identity, how often each of the ``known`` objects is held by those among them that belong to ``made``."""
    holders: Counter[int] = Counter()
    seen, reached = {id(made)}, [made]
    while reached:
        for one in gc.get_referents(reached.pop()):
            # Not whole modules: by way of them everything belongs to everything.
            if id(one) not in known or isinstance(one, (types.ModuleType, type)):
                continue
            holders[id(one)] += 1
            if id(one) not in seen:
                seen.add(id(one))
                reached.append(one)
    return holders


def _told(left: _Left) -> list[str]:
    """Descriptions of what is left, as far as its holder has a name.

    What scripted and exported modules are made of is held by native code as well, which has none.
    """
    frozen = gc.get_freeze_count()
    gc.unfreeze()  # holders may be among what is frozen, as a worker's imports are
    try:
        found = ((one, _holder(one, left.own)) for one in left.tensors[:_MOST_NAMED])
        return sorted({f"a tensor {tuple(one.shape)} in {holder}" for one, holder in found if holder})
    finally:
        if frozen:
            gc.collect()
            gc.freeze()


def _holder(tensor: Tensor, own: set[int]) -> str:
    """Who holds ``tensor``, by name: a function that caches, or a global of a module, at most three steps away.

    Empty if it is neither; ``own`` are what it belongs to.
    """
    globals_of = {id(vars(module)): name for name, module in [*sys.modules.items()] if hasattr(module, "__dict__")}
    seen, near = {*own, id(tensor)}, [tensor]
    for _ in range(3):
        holders = [
            one
            for one in gc.get_referrers(*near)
            if id(one) not in seen and one is not near and not isinstance(one, types.FrameType)
        ]
        for one in holders:
            if id(one) in globals_of:
                name = next((key for key, value in one.items() if any(value is thing for thing in near)), "?")
                return f"{globals_of[id(one)]}.{name}"
            if hasattr(one, "cache_info"):
                return f"the cache of {one.__module__}.{one.__qualname__}"
        seen |= {id(one) for one in holders}
        # Each step looks through all there is; what many hold leads nowhere.
        near = holders[:_MOST_HOLDERS]
        if not near:
            break
    return ""
