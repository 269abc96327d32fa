"""Plugins that count what happens in their own process, and stand aside where tests run in others.

The controlling process sees no test run: what counts there finds nothing, and would call all of it unused. A worker
sees a part of the tests, again and again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import pytest


def stand_aside(config: pytest.Config) -> None:
    """Take such plugins out of the controlling process."""
    for name in ("syrupy", "_cov"):
        if config.pluginmanager.has_plugin(name):
            config.pluginmanager.set_blocked(name)
    storage = getattr(config.option, "benchmark_storage", None)
    if (
        isinstance(storage, str)
        and "://" not in storage.removeprefix("file://")
        and not _asked(config.option, "benchmark_compare")
    ):
        # pytest-benchmark makes the folder as soon as it is configured, here and in workers, and nothing goes there.
        config.option.benchmark_storage = f"file://{os.devnull}"


def aside_in_workers(items: Iterable[pytest.Item]) -> list[str]:
    """Plugins that a worker for ``items`` does without, as none of their fixtures is asked for.

    pytest-benchmark asks git for what is of no use there whenever it is loaded: `git describe --dirty` writes the
    index, and runs filters and a file system monitor if the repository has any.
    """
    return [] if any("benchmark" in name for item in items for name in _fixtures(item)) else ["benchmark"]


def told(config: pytest.Config, items: Sequence[pytest.Item]) -> list[str]:
    """A line for each plugin that would have had something to do in a session of these ``items``."""
    option, lines = config.option, []
    snapshots = getattr(option, "update_snapshots", None)
    if snapshots is not None and (snapshots or any("snapshot" in _fixtures(item) for item in items)):
        lines.append(
            "syrupy stands aside: snapshots are compared, and none is updated, deleted or called unused; for that run "
            "pytest without --modelbench"
        )
    if getattr(option, "cov_source", None):
        lines.append(
            "pytest-cov stands aside, as measuring lines would change what is timed: run pytest without --modelbench "
            "for coverage, which runs no benchmark test"
        )
    if config.pluginmanager.has_plugin("pytest-retry") and (
        getattr(option, "retries", None) or any(item.get_closest_marker("flaky") for item in items)
    ):
        lines.append("pytest-retry stands aside: a test that fails is not repeated; pytest-rerunfailures does that")
    if given := [f"--benchmark-{name}" for name in ("json", "save", "autosave") if _asked(option, f"benchmark_{name}")]:
        lines.append(
            f"{', '.join(given)}: nothing is written there, as tests run in workers; --modelbench-save-benchmark=NAME "
            "writes pytest-benchmark's storage"
        )
    return [f"modelbench: {line}" for line in lines]


def _asked(option: object, name: str) -> bool:
    return bool(getattr(option, name, None))


def _fixtures(item: pytest.Item) -> Sequence[str]:
    names: Sequence[str] = getattr(item, "fixturenames", ())
    return names
