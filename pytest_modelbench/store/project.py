"""The project's own settings: ``[tool.modelbench]`` of its pyproject.toml."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.settings import Settings, read_settings


def settings_table(pyproject: Path) -> object | None:
    """The table, or None if there is no such file or no such table in it; UsageError if the file cannot be read."""
    # Python 3.10 has no tomllib; pytest depends on tomli there.
    tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        table: object | None = tomllib.loads(pyproject.read_text(encoding="utf-8")).get("tool", {}).get("modelbench")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{pyproject}: cannot be read: {error}; mend it") from error
    return table


def nearest_settings(start: Path) -> tuple[Path, Settings]:
    """The settings of the nearest folder, from ``start`` upwards, that has a table of them, and that folder.

    Defaults, and ``start`` itself, where none has.
    """
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if (table := settings_table(path)) is not None:
            return folder, read_settings(table, {}, str(path))
    return start, Settings()
