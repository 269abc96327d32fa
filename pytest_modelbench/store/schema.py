"""What a baseline file holds, checked, and how it is written: one line per entry, so that it diffs and merges well.

Schema 2; what schema 1 held is read by `store.upgrade`. Keys and values are written in ASCII: an entry stays on one
line for every tool (U+2028 and its like are line ends to some), and no editor or file system can normalize a test id
into another one.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from pytest_modelbench.core.environment import Fact
from pytest_modelbench.core.measurement import Comparability
from pytest_modelbench.core.observations import Observations
from pytest_modelbench.core.observations import read as read_observations
from pytest_modelbench.store.documents import DocumentKind, read_document, shown
from pytest_modelbench.store.upgrade import upgraded

BASELINE = DocumentKind(
    "pytest-modelbench baseline",
    2,
    "Take the committed file back with `git checkout -- {file}`, or delete it and record again with "
    "`pytest --modelbench --update-baselines`",
)

#: Beyond this no count is plausible, and other readers of JSON lose digits or fail.
_LARGEST_INTEGER = 2**63
#: Units in which nothing measurable is zero or less. Others: fractions go from 0 to 1, custom units anywhere.
_POSITIVE_UNITS = ("s", "images/s")
#: A module without parameters has none, and they take no bytes.
_COUNTED_UNITS = ("count", "bytes")
#: One process does not tell how far processes differ.
LEAST_PROCESSES = 2
#: Values and their median are rounded each for itself, to nine digits.
_ROUNDING = 1e-7


def _number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{shown(value)} is not a number")
    if isinstance(value, int) and abs(value) >= _LARGEST_INTEGER:
        raise ValueError(f"{shown(value)} is too large")
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    return value


def _name(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{shown(value)} is not text, or empty")
    return value


def _fact(value: object) -> Fact:
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, (int, float)):
        return _number(value)
    raise ValueError(f"{shown(value)} is not text, a number, true, false or null")


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Number = Annotated[int | float, PlainValidator(_number)]
Numbers = Annotated[tuple[Number, ...], BeforeValidator(_as_tuple)]
Name = Annotated[str, PlainValidator(_name)]
Facts = dict[str, Annotated[Fact, PlainValidator(_fact)]]


class _Checked(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Origin(_Checked):
    """Which sources a session ran, and on what versions."""

    commit: Name | None
    dirty: bool
    provenance: Facts


class Processes(_Checked):
    """What one session measured, per process: a value, its log ratio to the reference workload, and that one's time.

    ``reference_s`` is empty where no reference workload was timed beside it. ``disturbed``: in so many of the processes
    the machine was, and they were accepted all the same.
    """

    values: Numbers
    log_ratios: Numbers
    reference_s: Numbers = ()
    disturbed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _consistent(self) -> Processes:
        if not self.values:
            raise _wrong("values", "[] holds no process")
        if len(self.values) != len(self.log_ratios):
            raise _wrong("log_ratios", f"{len(self.log_ratios)} log ratios do not go with {len(self.values)} values")
        if self.reference_s and len(self.values) != len(self.reference_s):
            raise _wrong("reference_s", f"{len(self.reference_s)} times do not go with {len(self.values)} values")
        if self.disturbed > len(self.values):
            raise _wrong("disturbed", f"{self.disturbed} of {len(self.values)} processes cannot have been disturbed")
        if self.disturbed and len(self.values) < LEAST_PROCESSES:
            raise _wrong("disturbed", "how far processes spread, which a disturbed session is held by, takes two")
        for name, numbers in (("values", self.values), ("reference_s", self.reference_s)):
            for number in numbers:
                if number <= 0:
                    raise _wrong(name, f"{number} is not positive")
        return self


class Entry(_Checked):
    """The accepted value of one metric of one test; with ``sessions`` if it is noisy.

    ``value`` is then there for people: it is the median of what the accepted session's processes measured.
    """

    case: str
    value: Number
    unit: Name
    better: Literal["lower", "higher", "equal"]
    data: str = ""
    recipe: str = ""
    reference: str = ""
    observations: str = ""
    accepted: Name
    sessions: dict[str, Processes] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Entry:
        if what := self._out_of_range():
            raise _wrong("value", what)
        if self.observations:
            try:
                read_observations(self.observations)
            except ValueError as error:
                raise _wrong("observations", str(error)) from None
        if self.sessions is None:
            return self
        if self.accepted not in self.sessions:
            raise _wrong("accepted", f"{shown(self.accepted)} is not among the sessions of this entry")
        typical = statistics.median(self.sessions[self.accepted].values)
        if not math.isclose(self.value, typical, rel_tol=_ROUNDING):
            raise _wrong("value", f"{self.value} is not the median of its accepted session, which is {typical}")
        return self

    @property
    def noisy(self) -> bool:
        """Whether it varies from process to process."""
        return self.sessions is not None

    @property
    def comparability(self) -> Comparability:
        """What it was made from and with."""
        return Comparability(self.data, self.recipe, self.reference)

    def observed(self) -> Observations | None:
        """What a deterministic value was made of, if that was kept."""
        return read_observations(self.observations) if self.observations else None

    def _out_of_range(self) -> str:
        if self.unit in _COUNTED_UNITS and self.value < 0:
            return f"{self.value} is negative, and the unit is {self.unit!r}"
        if self.unit == "fraction" and not 0 <= self.value <= 1:
            return f"{self.value} is not between 0 and 1, and the unit is 'fraction'"
        if (self.unit in _POSITIVE_UNITS or self.noisy) and self.value <= 0:
            return f"{self.value} is not a positive measurement in {self.unit!r}"
        return ""

    def session_ids(self) -> set[str]:
        """Every session that this entry refers to."""
        return {self.accepted, *(self.sessions or ())}


class BaselineFile(_Checked):
    """One file. ``environment`` is the identity that its entries hold for, or None if they hold anywhere."""

    environment: Facts | None = None
    sessions: dict[Name, Origin]
    entries: dict[Name, dict[Name, Entry]]


def _wrong(field: str, what: str) -> PydanticCustomError:
    return PydanticCustomError("entry", "{what}", {"field": field, "what": what})


def read_baseline_file(path: Path) -> tuple[BaselineFile, int]:
    """The file at ``path``, and the schema it is written in.

    Raises BaselineError naming file, key path, value and the way out if anything is wrong.
    """
    _, content = read_document(path, BASELINE)
    body = {key: value for key, value in content.items() if key not in {"format", "schema"}}
    try:
        file = BaselineFile.model_validate(upgraded(body) if content["schema"] == 1 else body)
    except ValidationError as error:
        raise BASELINE.invalid(path, error) from None
    for test, entries in file.entries.items():
        for name, entry in entries.items():
            for session in sorted(entry.session_ids() - file.sessions.keys()):
                raise BASELINE.fault(path, f"session {shown(session)} is not described", ("entries", test, name))
    return file, content["schema"]


def render_baseline_file(file: BaselineFile) -> str:
    """Text of ``file`` in stable order, without sessions that no entry refers to."""
    used = {
        session for entries in file.entries.values() for entry in entries.values() for session in entry.session_ids()
    }
    origins = {session: origin.model_dump() for session, origin in file.sessions.items() if session in used}
    parts = [f' "format": {_line(BASELINE.format)}', f' "schema": {BASELINE.schema}']
    if file.environment is not None:
        parts.append(f' "environment": {_line(file.environment, sort=True)}')
    parts.append(' "sessions": ' + _block({key: _line(value, sort=True) for key, value in origins.items()}, 1))
    tests = {
        test: _block({name: _line(_fields(entry)) for name, entry in entries.items()}, 2)
        for test, entries in file.entries.items()
    }
    parts.append(' "entries": ' + _block(tests, 1))
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _fields(entry: Entry) -> dict[str, Any]:
    """Fields of ``entry`` in the order of the model, less those that say nothing; sessions in order of time."""
    silent = {"data": "", "recipe": "", "reference": "", "observations": "", "sessions": None}
    fields = {key: value for key, value in entry.model_dump().items() if key not in silent or value != silent[key]}
    if entry.sessions is not None:
        fields["sessions"] = {session: _spoken(fields["sessions"][session]) for session in sorted(entry.sessions)}
    return fields


def _spoken(processes: dict[str, Any]) -> dict[str, Any]:
    """``processes`` without a count of disturbed ones that is 0, as nearly all are."""
    return {key: value for key, value in processes.items() if key != "disturbed" or value}


def _block(lines: Mapping[str, str], depth: int) -> str:
    """An object with one item per line, sorted by key."""
    if not lines:
        return "{}"
    indent = " " * (depth + 1)
    return "{\n" + ",\n".join(f"{indent}{_line(key)}: {lines[key]}" for key in sorted(lines)) + f"\n{' ' * depth}}}"


def _line(value: object, sort: bool = False) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False, sort_keys=sort)
