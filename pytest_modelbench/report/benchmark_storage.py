"""A session's latencies as pytest-benchmark stores its own: for its ``compare`` and the tools that read such files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pytest_modelbench.core.environment import PACKAGES
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.packages import summary
from pytest_modelbench.core.session import Check, Session, Stamp


def benchmark_json(session: Session) -> dict[str, Any]:
    """What ``--benchmark-json`` would hold: every check of ``session`` in seconds, with the samples of all processes.

    A test's ``latency`` goes by the test's own name; other times of the test have theirs appended. ``params`` holds the
    case, so that ``--group-by=param:case`` works. Describes the machine it is called on.
    """
    # Slow to import, and in need of pytest: only whoever asks for the file pays.
    from pytest_benchmark import __version__
    from pytest_benchmark.plugin import pytest_benchmark_generate_machine_info
    from pytest_benchmark.utils import get_commit_info

    machine = dict(pytest_benchmark_generate_machine_info())
    facts: dict[str, Any] = {}
    if session.environment is not None:
        machine["modelbench"] = {"name": session.environment.name, **session.environment.identity}
        facts = dict(session.environment.provenance)
        if PACKAGES in facts:
            facts[PACKAGES] = summary(str(facts[PACKAGES]))  # repeated in each benchmark
    return {
        "machine_info": machine,
        "commit_info": _commit(dict(get_commit_info()), session.stamp),
        "benchmarks": [_benchmark(check, facts) for check in session.checks if check.metric.unit == "s"],
        "datetime": session.stamp.started,
        "version": __version__,
    }


def save(session: Session, folder: Path, name: str) -> Path | None:
    """Path of the new file ``<folder>/<machine>/NNNN_<name>.json``; None, and no file, if nothing was timed.

    An empty file would become the one that the next comparison is made with, and that comparison would be of nothing.
    Raises UsageError for a name that cannot be part of a file's.
    """
    from pytest_benchmark.logger import Logger
    from pytest_benchmark.storage.file import FileStorage
    from pytest_benchmark.utils import get_machine_id, parse_save

    try:
        parse_save(name)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{name!r} cannot name a saved benchmark run: {error}") from None
    data = benchmark_json(session)
    if not data["benchmarks"]:
        return None
    storage = FileStorage(str(folder), Logger(Logger.QUIET), default_machine_id=get_machine_id())
    before = set(storage.query())
    storage.save(data, name)
    (path,) = set(storage.query()) - before
    return Path(path)


def _benchmark(check: Check, facts: dict[str, Any]) -> dict[str, Any]:
    from pytest_benchmark.stats import Stats

    head, bracket, parameters = check.key.test.partition("[")
    suffix = "" if check.key.name == "latency" else f" {check.key.name}"
    stats = Stats()
    for one in check.measurements:
        for sample_s in one.samples or (one.value,):
            stats.update(sample_s)
    return {
        "group": None,
        "name": head.rsplit("::", 1)[-1] + bracket + parameters + suffix,
        "fullname": check.key.test + suffix,
        "params": {"case": check.case.id},
        "param": parameters.removesuffix("]") if bracket else None,
        "extra_info": {
            "case": check.case.id,
            "metric": check.metric.name,
            "verdict": check.judgement.verdict.value,
            "processes": len(check.measurements),
            **facts,
        },
        "options": {},
        "stats": stats.as_dict() | {"data": stats.data, "iterations": 1},
    }


def _commit(current: dict[str, Any], stamp: Stamp) -> dict[str, Any]:
    """What pytest-benchmark says of the checkout, as far as it is still the one that was measured."""
    if stamp.commit == current["id"]:
        return current | {"dirty": stamp.dirty}
    unknown = {"time": None, "author_time": None, "branch": "(unknown)"}
    return current | unknown | {"id": stamp.commit or "unversioned", "dirty": stamp.dirty}
