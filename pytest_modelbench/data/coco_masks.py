"""Masks as COCO's format has them, looked at before native code is: that believes what it is given."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from pytest_modelbench.core.errors import UsageError, hide_own_frames

__tracebackhide__ = hide_own_frames

#: By how many times its image's size a polygon may stick out of it. The rasterizer takes memory for each pixel of its
#: outline, and ends the process for coordinates of 1e9.
_STICKS_OUT = 1.0


def checked_segment(annotation: Mapping[str, Any], width: int, height: int, where: str) -> object:
    """What the file has for a mask: polygons, or run lengths of the image's own size; UsageError for anything else."""
    segment = annotation.get("segmentation")
    if isinstance(segment, Mapping):
        _check_runs(segment, width, height, where)
        return segment
    if not (isinstance(segment, list) and segment and all(map(_is_polygon, segment))):
        raise UsageError(
            f"{where}: segmentation is {shortened(segment)}, neither polygons [[x1, y1, x2, y2, x3, y3, ...]] nor run "
            "lengths {size, counts}; correct the file, or measure boxes alone"
        )
    for polygon in segment:
        for sides, size in ((polygon[::2], width), (polygon[1::2], height)):
            if min(sides) < -_STICKS_OUT * size or max(sides) > (1 + _STICKS_OUT) * size:
                raise UsageError(
                    f"{where}: its polygon goes from {min(sides):g} to {max(sides):g} in an image of {width}x{height} "
                    "pixels; correct the file"
                )
    return segment


def _check_runs(segment: Mapping[str, Any], width: int, height: int, where: str) -> None:
    if list(segment.get("size", ())) != [height, width]:
        raise UsageError(
            f"{where}: its mask is of size {segment.get('size')}, and its image of [{height}, {width}] (height, "
            "width); correct the file"
        )
    counts = segment.get("counts")
    found = _unpacked(counts) if isinstance(counts, str) else counts
    runs = found if isinstance(found, list) and all(type(run) is int and run >= 0 for run in found) else []
    if not runs or sum(runs) != height * width:
        raise UsageError(
            f"{where}: its mask has counts that are neither text nor runs that fill {height}x{width} pixels; "
            "correct the file"
        )


def _unpacked(text: str) -> list[int]:
    """Run lengths from COCO's text (rleFrString in maskApi.c): five bits a character, differences from the third on.

    Empty for what is none.
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            return []
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return [] if shift else runs


def _is_polygon(part: object) -> bool:
    return isinstance(part, list) and len(part) >= 6 and len(part) % 2 == 0 and all(map(is_number, part))


def is_number(value: object) -> bool:
    """Whether it is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def shortened(entry: object) -> str:
    """The beginning of ``entry`` as JSON."""
    text = json.dumps(entry, default=str)
    return text if len(text) <= 120 else f"{text[:117]}..."
