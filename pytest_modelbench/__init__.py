"""Regression gate for PyTorch vision models, as a pytest plugin.

What tests annotate their fixtures with is here: ``def test_it(build_model: BuildModel, modelbench: ModelBench)``. Each
is imported as it is asked for, so that to import this package costs nothing.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_modelbench.bench.building import BuildModel
    from pytest_modelbench.bench.modelbench import ModelBench
    from pytest_modelbench.bench.peak import PeakMemory
    from pytest_modelbench.measure.timer import DeviceTimer
    from pytest_modelbench.models.built import BuiltModel

__all__ = ["BuildModel", "BuiltModel", "DeviceTimer", "ModelBench", "PeakMemory", "__version__", "is_worker"]

__version__ = "0.1.0"

#: Set in worker processes from their start on, and in what they start.
WORKER_VARIABLE = "PYTEST_MODELBENCH_WORKER"


def is_worker() -> bool:
    """Whether this is a worker: a pytest process that measures, started by the one that was called.

    For conftest files and plugins: what must happen once a session (removing a results folder, taking a port) is not
    done there. A worker also looks like one of pytest-xdist's, by ``config.workerinput``.
    """
    return WORKER_VARIABLE in os.environ


#: Where what is public is written.
_HOMES = {
    "BuildModel": "bench.building",
    "BuiltModel": "models.built",
    "DeviceTimer": "measure.timer",
    "ModelBench": "bench.modelbench",
    "PeakMemory": "bench.peak",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
