"""Counts and peaks, followed on the meta device; on the CPU for models that cannot run there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

from pytest_modelbench.core.errors import UnavailableError, UsageError, hide_own_frames
from pytest_modelbench.measure.reach import Reach, Watch
from pytest_modelbench.models.built import BuiltModel

__tracebackhide__ = hide_own_frames

Found = TypeVar("Found")

#: What the pass that was followed last reached of each model.
_REACHED: WeakKeyDictionary[BuiltModel, Reach | None] = WeakKeyDictionary()


def followed(
    model: BuiltModel,
    follow: Callable[[BuiltModel], Found],
    first: Callable[[BuiltModel], object] = BuiltModel.forward,
) -> tuple[Found, str]:
    """What ``follow`` finds of ``model`` without values, and where that was: ``meta`` or ``cpu``.

    Sparse weights, control flow that depends on data, or a detour by numpy need values: then the same is done on the
    CPU, whatever device the session measures on, after ``first``: what happens once, and what is made once, is not part
    of a run. Raises what is wrong there. What it reaches: `reach_followed`.
    """
    _REACHED[model] = None
    on_meta = True
    try:
        bare = model.on_meta()
        watch = Watch(bare.module)
        with watch:
            found = follow(bare)
    except (UsageError, UnavailableError):
        raise
    except Exception:
        on_meta = False
    if not on_meta:  # and what is wrong there as well is told by itself
        bare = model.on_cpu()
        watch = Watch(bare.module)
        with watch:
            first(bare)
        found = follow(bare)
    _REACHED[model] = watch.reach()
    return found, "meta" if on_meta else "cpu"


def reach_followed(model: BuiltModel) -> Reach | None:
    """What the pass of ``model`` that was followed last reached; None if that cannot be seen."""
    return _REACHED.get(model)
