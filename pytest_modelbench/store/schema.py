"""What a baseline file holds, checked: entries, and the sessions that they are from.

How that is written as lines is a matter of `store.records`, what older schemas held of `store.upgrade`.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    Strict,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from pytest_modelbench.core.breakdown import Breakdown
from pytest_modelbench.core.breakdown import read as read_breakdown
from pytest_modelbench.core.environment import Fact
from pytest_modelbench.core.measurement import Comparability
from pytest_modelbench.core.observations import Observations, Observed
from pytest_modelbench.core.observations import read as read_observations
from pytest_modelbench.core.trail import Trail
from pytest_modelbench.core.trail import read as read_trail
from pytest_modelbench.store.documents import DocumentKind, shown

BASELINE = DocumentKind(
    "pytest-modelbench baseline",
    3,
    "Take the committed file back with `git checkout -- {file}`; `git log -- {file}` lists those before it",
    conflict="`pytest-modelbench merge-conflict {file}` keeps the lines of both sides, and asks where they contradict",
)

#: Beyond this no count is plausible, and other readers of JSON lose digits or fail.
_LARGEST_INTEGER = 2**63
#: Logs of the largest and the smallest number there is differ by less.
_LARGEST_LOG = 1500.0
#: A process's log ratio is the median of its blocks, its value and the reference's time each that of their own: on a
#: machine that changes its speed in between they come apart, by less than it changes, and so by less than this factor.
_APART = 3.0
#: Units in which nothing measurable is zero or less. Others: fractions go from 0 to 1, custom units anywhere.
_POSITIVE_UNITS = ("s", "images/s")
#: A module without parameters has none, and they take no bytes.
_COUNTED_UNITS = ("count", "bytes")
#: One process does not tell how far processes differ.
LEAST_PROCESSES = 2
#: An output's root mean square: the first of the numbers that stand for it.
_OF_OUTPUTS = "rms"
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


def _fact(value: object) -> Fact:
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, (int, float)):
        return _number(value)
    raise ValueError(f"{shown(value)} is not text, a number, true, false or null")


def _numbers(value: object) -> tuple[int | float, ...]:
    """All of them at once: one by one through pydantic they are most of what it takes to read a large file."""
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{shown(value)} is not a list")
    for place, number in enumerate(value):
        if type(number) is not float or not math.isfinite(number):
            _check_number(number, place)
    return tuple(value)


def _check_number(value: object, place: int) -> None:
    try:
        _number(value)
    except ValueError as error:
        raise _wrong(place, str(error)) from None


_SCHEMA = WithJsonSchema({"type": "number"})
Number = Annotated[int | float, PlainValidator(_number), _SCHEMA]
Numbers = Annotated[
    tuple[int | float, ...],
    PlainValidator(_numbers),
    WithJsonSchema({"type": "array", "items": {"type": "number"}}),
]
Name = Annotated[str, StringConstraints(pattern=r"\S")]
Names = Annotated[tuple[Name, ...], Strict(False)]  # a list in JSON
_FACT = WithJsonSchema({"type": ["string", "number", "boolean", "null"]})
Facts = dict[str, Annotated[Fact, PlainValidator(_fact), _FACT]]


class Checked(BaseModel):
    """Strict: a string is no number, and no field is unknown."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Origin(Checked):
    """Which sources a session ran, and on what versions."""

    commit: Name | None
    dirty: bool
    provenance: Facts


class Processes(Checked):
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
        for ratio in self.log_ratios:
            if abs(ratio) > _LARGEST_LOG:
                raise _wrong("log_ratios", f"{ratio} is the log of no two times")
        for name, numbers in (("values", self.values), ("reference_s", self.reference_s)):
            for number in numbers:
                if number <= 0:
                    raise _wrong(name, f"{number} is not positive")
        return self


class Entry(Checked):
    """The accepted value of one metric of one test; with ``sessions`` if it is noisy.

    ``value`` is then there for people: it is the median of what the accepted session's processes measured.
    ``replaces`` are the sessions of the entries whose place it took, the last one first: by them a merge of two
    branches tells a stale entry from one that contradicts.
    """

    case: str
    value: Number
    unit: Name
    better: Literal["lower", "higher", "equal"]
    data: str = ""
    recipe: str = ""
    reference: str = ""
    observations: str = ""
    breakdown: str = ""
    trail: str = ""
    accepted: Name
    replaces: Names = ()
    sessions: dict[str, Processes] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Entry:
        if what := self._out_of_range():
            raise _wrong("value", what)
        if self.unit == _OF_OUTPUTS and not self.observations:
            raise _wrong("observations", f"is missing, and of a value in {self.unit!r} that is what is compared")
        if self.observations:
            try:
                observed = read_observations(self.observations)
            except ValueError as error:
                raise _wrong("observations", str(error)) from None
            made = self._made_of(observed)
            if made is not None and not math.isclose(self.value, made, rel_tol=_ROUNDING):
                raise _wrong("value", f"{self.value} is not what its observations amount to, which is {made:.9g}")
        if self.breakdown:
            self._check_breakdown()
        if self.trail:
            try:
                read_trail(self.trail)
            except ValueError as error:
                raise _wrong("trail", str(error)) from None
        if self.sessions is None:
            return self
        if self.accepted not in self.sessions:
            raise _wrong("accepted", f"{shown(self.accepted)} is not among the sessions of this entry")
        typical = statistics.median(self.sessions[self.accepted].values)
        if not math.isclose(self.value, typical, rel_tol=_ROUNDING):
            raise _wrong("value", f"{self.value} is not the median of its accepted session, which is {typical}")
        for processes in self.sessions.values():
            self._check_ratios(processes)
        return self

    def _check_breakdown(self) -> None:
        """Raise if what the value is said to be the sum of does not add up to it."""
        try:
            total = read_breakdown(self.breakdown).total
        except ValueError as error:
            raise _wrong("breakdown", str(error)) from None
        if total != self.value:
            raise _wrong("value", f"{self.value} is not what its breakdown adds up to, which is {total}")

    def _check_ratios(self, processes: Processes) -> None:
        """Raise if log ratios are not those of the times that they stand beside."""
        rate = self.unit.endswith("/s")
        if not (rate or self.unit == "s") or (self.reference and not processes.reference_s):
            return
        beside = processes.reference_s or (1.0,) * len(processes.values)
        rows = zip(processes.values, processes.log_ratios, beside, strict=True)
        for place, (value, ratio, reference_s) in enumerate(rows):
            of_times = math.log(value) + (math.log(reference_s) if rate else -math.log(reference_s))
            if abs(ratio - of_times) > math.log(_APART):
                times = f"{value} {self.unit}" + (f" beside {reference_s} s" if processes.reference_s else "")
                raise _wrong("log_ratios", f"the one in place {place}, {ratio}, is not that of {times}: {of_times:.3f}")

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

    def broken_down(self) -> Breakdown | None:
        """What a deterministic value is the sum of, if that was kept."""
        return read_breakdown(self.breakdown) if self.breakdown else None

    def trailed(self) -> Trail | None:
        """What the model computed on the way to its output, if that was kept."""
        return read_trail(self.trail) if self.trail else None

    def _made_of(self, observed: Observations) -> float | None:
        """What the value is by its observations; None where they do not tell: an mIoU is no mean of images."""
        if observed.kind is Observed.HITS and self.unit == "fraction":
            return statistics.fmean(observed.values)
        return observed.values[0] if observed.kind is Observed.NUMBERS and self.unit == _OF_OUTPUTS else None

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


@dataclass(slots=True)
class BaselineFile:
    """One file. ``environment`` is the identity that its entries hold for, or None if they hold anywhere.

    Whoever reads one owns it: a draft puts entries into it in place.
    """

    environment: dict[str, Fact] | None = None
    sessions: dict[str, Origin] = field(default_factory=dict)
    entries: dict[str, dict[str, Entry]] = field(default_factory=dict)


def _wrong(place: str | int, what: str) -> PydanticCustomError:
    return PydanticCustomError("entry", "{what}", {"field": place, "what": what})
