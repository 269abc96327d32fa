"""Results of airspeed velocity, as nights: of one commit in one of its environments, at the commit's time.

Its layout of version 2: ``results/<machine>/<commit>-<environment>.json``, beside ``results/benchmarks.json``, which
has the units.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.session import Stamp
from pytest_modelbench.store.imports.foreign import OTHERS, fact, night, point, slug_of, started
from pytest_modelbench.store.night_files import Night, Point

_VERSION = 2
#: By how the name of a benchmark begins: what it is a measure of, and its unit, where nobody says it.
_KINDS = {
    "time": ("time", "s"), "timeraw": ("time", "s"), "mem": ("memory", "bytes"), "peakmem": ("peak_memory", "bytes"),
}  # fmt: skip
_UNITS = {"seconds": "s", "bytes": "bytes", "unit": ""}
#: Of the machine, what makes times comparable at all.
_IDENTITY = ("machine", "cpu", "num_cpu", "arch")


class _Results(BaseModel):
    commit_hash: str
    env_name: str
    date: Annotated[float, Field(gt=0, lt=4e12, allow_inf_nan=False)]  #: of the commit, in milliseconds
    params: dict[str, Any]
    python: str = ""
    requirements: dict[str, Any] = {}
    result_columns: list[str]
    results: dict[str, list[Any]]


def is_results(content: dict[str, Any]) -> bool:
    """Whether ``content`` is of such a file."""
    return {"commit_hash", "results"} <= content.keys()


def goes_along(path: Path, content: dict[str, Any]) -> bool:
    """Whether ``path`` is one of the other files that lie among results."""
    return path.name in ("machine.json", "benchmarks.json") and "version" in content


def night_of_results(path: Path, content: dict[str, Any]) -> Night:
    """The night of the results in the file at ``path``; BaselineError for those that cannot be used."""
    told = str(path)
    if content.get("version") != _VERSION:
        raise BaselineError(
            f"{told}: is of version {content.get('version')} of asv's layout, and {_VERSION} is what is read; "
            "`asv update` brings older ones to it"
        )
    try:
        found = _Results.model_validate(content)
    except ValidationError as error:
        raise OTHERS.invalid(told, error) from None
    units = _units(path.parent.parent / "benchmarks.json")
    slug = slug_of("asv", found.params.get("machine"), found.env_name)
    points: dict[tuple[str, str], Point] = {}
    for name, row in found.results.items():
        columns = dict(zip(found.result_columns, row, strict=False))
        kind, unit = _KINDS.get(name.rpartition(".")[2].partition("_")[0], ("value", ""))
        unit = _UNITS.get(units.get(name, ""), units.get(name, "")) or unit
        for parameters, value in _values(columns):
            points[name + parameters, kind] = point(slug, name.rpartition(".")[2] + parameters, unit, value)
    identity = {key: fact(found.params[key]) for key in _IDENTITY if key in found.params}
    others = {key: value for key, value in found.params.items() if key not in _IDENTITY} | found.requirements
    provenance = {**{key: fact(value) for key, value in others.items()}, "python": found.python}
    stamp = Stamp(started(datetime.fromtimestamp(found.date / 1000, timezone.utc)), found.commit_hash or None)
    return night(told, "asv", stamp, slug, identity, provenance, points)


def _values(columns: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Each value that is there, with its parameters as they are written in a call."""
    values, parameters = columns.get("result"), columns.get("params")
    if not isinstance(values, list):
        return
    lists = parameters if isinstance(parameters, list) and all(isinstance(one, list) for one in parameters) else []
    for chosen, value in zip(itertools.product(*lists), values, strict=False):
        number = _finite(value)
        if number is not None:
            yield (f"({', '.join(map(str, chosen))})" if chosen else ""), number


def _finite(value: object) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        with suppress(OverflowError):  # an integer beyond all floats
            number = float(value)
            return number if math.isfinite(number) else None
    return None


def _units(path: Path) -> dict[str, str]:
    """The unit of each benchmark, as far as the file tells."""
    with suppress(OSError, ValueError, RecursionError):
        content = json.loads(path.read_bytes())
        if isinstance(content, dict):
            told = {name: one.get("unit") for name, one in content.items() if isinstance(one, dict)}
            return {name: unit for name, unit in told.items() if isinstance(unit, str)}
    return {}
