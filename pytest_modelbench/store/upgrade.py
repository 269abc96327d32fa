"""Baselines of schemas 1 and 2: ``pytest-modelbench convert`` writes such files anew.

Schema 2 had one object of sessions and one of entries, by test and check. Schema 1 kept one text for what a value was
made from, and left the reference workload's time to be recovered.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pytest_modelbench.store.schema import BaselineFile, Checked, Entry, Facts, Name, Origin

#: How ids of reference workloads begin, and what a training was told.
_REFERENCE, _RECIPE = "conv3x3-", " lr="


class _Former(Checked):
    """A file of schema 2."""

    environment: Facts | None = None
    sessions: dict[Name, Origin]
    entries: dict[Name, dict[Name, Entry]]


def former_file(content: Mapping[str, Any], schema: int) -> BaselineFile:
    """The file that ``content`` of schema 1 or 2 holds; pydantic's ValidationError if it is not valid."""
    former = _Former.model_validate(_upgraded(content) if schema == 1 else content)
    return BaselineFile(former.environment, former.sessions, former.entries)


def _upgraded(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a file of schema 1 in schema 2. What has another shape is left for validation to name."""
    entries = content.get("entries")
    if not isinstance(entries, dict):
        return dict(content)
    return {**content, "entries": {test: _each(found, _entry) for test, found in entries.items()}}


def _each(found: Any, upgrade: Any) -> Any:
    return {name: upgrade(one) for name, one in found.items()} if isinstance(found, dict) else found


def _entry(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    fields, basis = dict(entry), entry.get("basis", "")
    if isinstance(basis, str):
        fields.pop("basis", None)
        fields |= _made_from(basis)
    if "evidence" in entry:
        fields["observations"] = fields.pop("evidence")
    if "sessions" in entry:
        # It repeated what the accepted session holds.
        fields.pop("level", None)
        timed = isinstance(basis, str) and basis.startswith(_REFERENCE)
        rate = entry.get("better") == "higher"
        fields["sessions"] = _each(entry["sessions"], lambda one: _processes(one, timed, rate))
    return fields


def _made_from(basis: str) -> dict[str, str]:
    if not basis:
        return {}
    if basis == "meta":
        return {"recipe": basis}
    if basis.startswith(_REFERENCE):
        return {"reference": basis}
    data, mark, recipe = basis.partition(_RECIPE)
    return {"data": data, "recipe": (mark + recipe).strip()} if mark else {"data": data}


def _processes(one: Any, timed: bool, rate: bool) -> Any:
    if not isinstance(one, dict) or "levels" not in one:
        return one
    fields = {key: value for key, value in one.items() if key != "levels"} | {"log_ratios": one["levels"]}
    values, levels = one.get("values", ()), one["levels"]
    if not (timed and _numbers(values) and _numbers(levels) and len(values) == len(levels)):
        return fields
    try:
        reference_s = [
            math.exp(level) / value if rate else value / math.exp(level)
            for value, level in zip(values, levels, strict=True)
        ]
    except (OverflowError, ZeroDivisionError):
        return fields
    return fields | {"reference_s": [float(f"{time_s:.9g}") for time_s in reference_s]}


def _numbers(found: Any) -> bool:
    # No `math.isfinite`, which refuses integers of hundreds of digits.
    return isinstance(found, list) and all(
        isinstance(one, (int, float)) and not isinstance(one, bool) and abs(one) < math.inf for one in found
    )
