"""Runs that pytest-benchmark saved, as nights: of each benchmark its least and its median time."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from pytest_modelbench.core.session import Stamp
from pytest_modelbench.store.imports.foreign import OTHERS, fact, night, point, slug_of, started
from pytest_modelbench.store.night_files import Night

_Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Stats(BaseModel):
    min: _Seconds
    median: _Seconds


class _Benchmark(BaseModel):
    name: str
    fullname: str
    stats: _Stats


class _Run(BaseModel):
    machine_info: dict[str, Any]
    commit_info: dict[str, Any]
    benchmarks: list[_Benchmark]
    datetime: datetime
    version: str


def is_run(content: dict[str, Any]) -> bool:
    """Whether ``content`` is of such a file."""
    return {"machine_info", "benchmarks"} <= content.keys()


def night_of_run(told: str, content: dict[str, Any]) -> Night:
    """The night of the run in the file ``told``; BaselineError for one that cannot be used."""
    try:
        run = _Run.model_validate(content)
    except ValidationError as error:
        raise OTHERS.invalid(told, error) from None
    machine = run.machine_info
    cpu = machine.get("cpu")
    cpu = cpu if isinstance(cpu, dict) else {}
    brand = str(cpu.get("brand_raw") or cpu.get("brand") or machine.get("processor") or machine.get("machine") or "")
    identity = {"device": "cpu", "cpu": brand, "cores": fact(cpu.get("count"))}
    known = {"python": "python_version", "implementation": "python_implementation", "platform": "system",
             "kernel": "release", "node": "node"}  # fmt: skip
    provenance = {ours: fact(machine[theirs]) for ours, theirs in known.items() if theirs in machine}
    slug = slug_of("pytest-benchmark", brand, f"{cpu['count']}c" if cpu.get("count") else "")
    commit = run.commit_info.get("id")
    commit = commit if isinstance(commit, str) and commit != "unversioned" else None
    stamp = Stamp(started(run.datetime), commit, bool(run.commit_info.get("dirty")))
    points = {
        (one.fullname, name): point(slug, one.name, "s", value)
        for one in run.benchmarks
        for name, value in (("min", one.stats.min), ("median", one.stats.median))
    }
    return night(told, f"pytest-benchmark {run.version}", stamp, slug, identity, provenance, points)
