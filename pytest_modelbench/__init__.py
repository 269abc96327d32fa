"""Regression gate for PyTorch vision models, as a pytest plugin."""

import os

__version__ = "0.1.0"

#: Set in worker processes from their start on, and in what they start.
WORKER_VARIABLE = "PYTEST_MODELBENCH_WORKER"


def is_worker() -> bool:
    """Whether this is a worker: a pytest process that measures, started by the one that was called.

    For conftest files and plugins: what must happen once a session (removing a results folder, taking a port) is not
    done there. A worker also looks like one of pytest-xdist's, by ``config.workerinput``.
    """
    return WORKER_VARIABLE in os.environ
