"""What a worker imports before it measures: as much as its tests will ask for, and no more."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from pytest_modelbench.measure.devices import is_cpu

#: Fixtures that cannot do without torch; ``modelbench`` can, and imports it when it is asked for a measure of a model.
_TORCH = frozenset({"device_timer", "peak_memory"})


def import_ahead(device: str, fixtures: Collection[str]) -> None:
    """Import what tests with these fixtures will ask for on ``device``, as far as it is installed.

    Before a process is kept to one core: in a pair, both import side by side. What is missing is told by the test that
    needs it.
    """
    with contextlib.suppress(ImportError):
        if "build_model" in fixtures:
            import pytest_modelbench.bench.building  # noqa: F401
        elif not is_cpu(device) or not _TORCH.isdisjoint(fixtures):
            import torch  # noqa: F401
