"""Counts and peaks, followed on the meta device; on the CPU for models that cannot run there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pytest_modelbench.core.errors import UnavailableError, UsageError, hide_own_frames
from pytest_modelbench.models.built import BuiltModel

__tracebackhide__ = hide_own_frames

Found = TypeVar("Found")


def followed(model: BuiltModel, follow: Callable[[BuiltModel], Found]) -> tuple[Found, str]:
    """What ``follow`` finds of ``model`` without values, and where that was: ``meta`` or ``cpu``.

    Sparse weights, control flow that depends on data, or a detour by numpy need values: then the same is done on the
    CPU, whatever device the session measures on. Raises what is wrong there.
    """
    try:
        return follow(model.on_meta()), "meta"
    except (UsageError, UnavailableError):
        raise
    except Exception:
        stand_in = model.on_cpu()
        stand_in.forward()  # what happens once, and what is made once, is not part of a run
        return follow(stand_in), "cpu"
