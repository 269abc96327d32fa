"""Counts and peaks, followed on the meta device; on the CPU for models that cannot run there."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from weakref import WeakKeyDictionary

from pytest_modelbench.core.errors import UnavailableError, UsageError, hide_own_frames
from pytest_modelbench.measure.reach import Reach, Watch
from pytest_modelbench.models.built import BuiltModel

__tracebackhide__ = hide_own_frames

Found = TypeVar("Found")

#: What the pass that was followed last reached of each model.
_REACHED: WeakKeyDictionary[BuiltModel, Reach | None] = WeakKeyDictionary()
#: Of models that could not be followed on the meta device the last time: where, and what was wrong.
_NOT_ON_META: WeakKeyDictionary[BuiltModel, str] = WeakKeyDictionary()
#: Code that runs between a model's own lines and what fails.
_NOT_THE_MODELS = re.compile(r"[/\\\\](torch|pytest_modelbench)[/\\\\]|^<")


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
    _NOT_ON_META.pop(model, None)
    on_meta = True
    try:
        bare = model.on_meta()
        watch = Watch(bare.module)
        with watch:
            found = follow(bare)
    except (UsageError, UnavailableError):
        raise
    except Exception as error:
        on_meta, _NOT_ON_META[model] = False, _told(error)
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


def why_not_on_meta(model: BuiltModel) -> str:
    """Where the pass of ``model`` that was followed last could not run without values, and why; empty: it could."""
    return _NOT_ON_META.get(model, "")


def _told(error: BaseException) -> str:
    """``zoo.py:12 in forward: RuntimeError: ...``: the model's own line, where there is one."""
    while error.__cause__ is not None:
        error = error.__cause__
    what = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [one for one in frames if not _NOT_THE_MODELS.search(one.filename)]
    return f"{Path(own[-1].filename).name}:{own[-1].lineno} in {own[-1].name}: {what}" if own else what
