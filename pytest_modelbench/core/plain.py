"""Values as JSON has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from pytest_modelbench.core.breakdown import Breakdown
from pytest_modelbench.core.observations import Observations
from pytest_modelbench.core.trail import Trail


def plain(value: object) -> Any:
    """``value`` made of what JSON has: dataclasses and mappings become objects, sequences lists, enums their values."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        # Half a surrogate pair (a file name that is not UTF-8, in a traceback) is not text; JSON readers refuse it.
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, (Observations, Breakdown, Trail)):
        return value.text()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return value
