"""Arguments of build that a task takes for itself; the others are timm's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_modelbench.core.errors import UsageError, did_you_mean, hide_own_frames

__tracebackhide__ = hide_own_frames

#: Arguments of timm.create_model that every task sets itself.
_OWN = ("features_only", "out_indices")


def backbone_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of ``options``, of which the functions below take some; UsageError for those that follow from the task."""
    if taken := [key for key in _OWN if key in options]:
        raise UsageError(f"{taken[0]}=...: which feature maps are used follows from task and head; leave it out")
    return dict(options)


def take_head(task: str, known: Mapping[str, Any], options: dict[str, Any]) -> str:
    """The head asked for in ``options``, by default the first of ``known``."""
    head = options.pop("head", next(iter(known)))
    if isinstance(head, str) and head in known:
        return head
    near = did_you_mean(head, known) if isinstance(head, str) else ""
    raise UsageError(f"head={head!r}: {task} has {', '.join(known)}.{near}")


def take_count(key: str, default: int, options: dict[str, Any]) -> int:
    """The positive whole number under ``key`` in ``options``."""
    number = options.pop(key, default)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise UsageError(f"{key}={number!r}: write a whole number, 1 or more")
    return number
