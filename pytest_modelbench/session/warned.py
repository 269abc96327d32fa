"""Warnings of workers, handed on to pytest's own summary of warnings."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import pytest

from pytest_modelbench.workers.events import Warned


class WorkerWarnings:
    """Hands each warning on once, however many processes give it."""

    def __init__(self, config: pytest.Config) -> None:
        self._hook = config.hook
        self._told: set[Warned] = set()

    def hand_on(self, warning: Warned) -> None:
        """Tell pytest, unless it was told."""
        if warning in self._told:
            return
        self._told.add(warning)
        category = _category(warning.module, warning.category)
        self._hook.pytest_warning_recorded.call_historic(
            kwargs={
                "warning_message": warnings.WarningMessage(warning.text, category, warning.filename, warning.lineno),
                "when": "runtest",
                "nodeid": warning.test,
                "location": warning.location,
            }
        )


def _category(module: str, name: str) -> type[Warning]:
    """The warning's class if it is one of Python's or pytest's own, else plain Warning: nothing is imported for it."""
    found: Any = getattr(sys.modules.get(module), name, None)
    return found if isinstance(found, type) and issubclass(found, Warning) else Warning
