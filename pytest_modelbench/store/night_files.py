"""A night as a file: what a session measured in one environment, as one line of JSON, and many of them folded.

A file is named by when, where and what, and by a hash of what is in it. A folded file holds the very lines of others,
packed: `zcat` gives them back.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, StringConstraints, ValidationError, model_validator

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.measurement import counted, log_ratios
from pytest_modelbench.core.session import Check, Session
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.store.documents import DocumentKind, document_of, text_of
from pytest_modelbench.store.schema import Checked, Facts, Name

SUFFIX, FOLDED_SUFFIX = ".night.json", ".nights.jsonl.gz"
_FORMAT, _SCHEMA = "pytest-modelbench night", 1
#: Whatever a file's name should not hold, on any system.
_NO_NAME = re.compile(r"[^A-Za-z0-9.-]+")
#: A night of 100,000 checks. What unpacks to more is not believed.
_LONGEST_LINE = 64 * 2**20
#: Packed bytes that are unpacked in one step: a thousand times as much, at most.
_AT_ONCE = 64 * 1024
#: Bytes that a folded file may unpack to: a thousand nights of 10,000 checks are as many.
_MOST_UNPACKED = 4 * 2**30
#: Lines of it that cannot be used before nobody looks any further.
_MOST_FAULTY = 20
#: How zlib is told to expect what gzip wrote.
_GZIP = 16 + zlib.MAX_WBITS
#: Packed as tightly as it goes takes four times as long, for a hundredth less.
_PACKED = 6
#: Checked where it is parsed, not by a function of ours for each.
Number = Annotated[float, Field(allow_inf_nan=False)]
#: What is none of these is of a version to come.
_Verdict = Annotated[str, StringConstraints(pattern=f"^({'|'.join(one.value for one in Verdict)})$")]


class Point(NamedTuple):
    """A check in one session."""

    folder: str
    case: str
    unit: str
    better: str
    value: float
    verdict: str
    processes: int = 1
    log_ratio: float | None = None
    spread: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    allowed: float | None = None
    accepted: str = ""


class _Columns(Checked):
    """The fields of points, of all checks each: names stand there once, and reading takes half of what it would."""

    folder: list[Name]
    case: list[Name]
    unit: list[str]
    better: list[Name]
    value: list[Number]
    verdict: list[_Verdict]
    processes: list[int]
    log_ratio: list[Number | None]
    spread: list[Number | None]
    ratio: list[Number | None]
    low: list[Number | None]
    high: list[Number | None]
    allowed: list[Number | None]
    accepted: list[str]


class Night(Checked):
    """A session in one environment. ``imported``: by which other tool it was made, if that was not this one."""

    session: Name
    started: Name
    commit: Name | None
    dirty: bool
    against: str
    environment: str
    identity: Facts
    provenance: Facts
    checks: list[tuple[Name, Name]]  #: test and name
    columns: _Columns
    imported: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Night:
        for name, column in self.columns:
            if len(column) != len(self.checks):
                raise ValueError(f"{len(column)} of {name} do not go with {len(self.checks)} checks")
        if len(set(self.checks)) != len(self.checks):
            raise ValueError("a check stands there twice")
        return self

    def points(self) -> Iterator[tuple[tuple[str, str], Point]]:
        """Test and name of each check, and what was measured of it."""
        return zip(self.checks, map(Point._make, self.rows()), strict=True)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The points as plain tuples, for whoever reads hundreds of thousands."""
        return zip(*(column for _, column in self.columns), strict=True)


def columns_of(points: Iterable[Point]) -> _Columns:
    """What a `Night` keeps of ``points``, which are one at least."""
    return _Columns(**dict(zip(Point._fields, map(list, zip(*points, strict=True)), strict=True)))


class NightFile(Night):
    """A night's file: what it says it is, and the night."""

    format: Literal["pytest-modelbench night"]
    schema_: Literal[1] = Field(alias="schema")


#: The environment, test and name, and what was measured.
Measured = tuple[str, tuple[str, str], Point]


@dataclass(frozen=True, slots=True)
class Found:
    """A night that was read, its line, and the hash of that."""

    night: Night
    line: bytes
    hash: str

    @property
    def key(self) -> tuple[str, str]:
        """What it is of: one session in one environment."""
        return self.night.session, self.night.environment


def nights_of(session: Session, points: Iterable[Measured]) -> list[Night]:
    """The nights of ``session``, which measured ``points``: one for each environment that any was measured in."""
    slugs = {one.slug: one for one in session.environments}
    found: dict[str, dict[tuple[str, str], Point]] = {}
    for slug, check, point in points:
        if slug in slugs:
            found.setdefault(slug, {})[check] = point
    return [_night(session, one, found[slug]) for slug, one in slugs.items() if slug in found]


def file_of(night: Night) -> tuple[str, bytes]:
    """Name and content of the file that holds ``night``."""
    line = _line(night)
    return file_name(Found(night, line, hash_of(line))), line


def file_name(found: Found) -> str:
    """The name of the file that holds ``found`` alone."""
    night = found.night
    return _name((night.started, night.environment, (night.commit or "no-commit")[:10], found.hash)) + SUFFIX


def measured(check: Check) -> Measured:
    """What a night keeps of ``check``."""
    judgement, metric = check.judgement, check.metric
    ratios = log_ratios(counted(check.measurements)) if metric.noisy else []
    baseline = judgement.baseline
    point = Point(
        folder=check.folder,
        case=check.case.id,
        unit=metric.unit,
        better=metric.better.value,
        value=judgement.value,
        verdict=judgement.verdict.value,
        processes=judgement.processes,
        log_ratio=fmean(ratios) if ratios else None,
        spread=stdev(ratios) if len(ratios) > 1 else None,
        ratio=judgement.ratio,
        low=judgement.low_ratio,
        high=judgement.high_ratio,
        allowed=metric.band.ratio(baseline) if baseline else None,
        accepted=check.baseline.accepted if check.baseline else "",
    )
    return check.environment, (check.key.test, check.key.name), point


class Folding:
    """Many nights as the content of one file, packed as they come."""

    def __init__(self) -> None:
        self._packed = io.BytesIO()
        self._file = gzip.GzipFile(fileobj=self._packed, mode="wb", compresslevel=_PACKED, mtime=0)
        self._started: list[str] = []

    def add(self, found: Found) -> None:
        """Add a night."""
        self._file.write(found.line)
        self._started.append(found.night.started)

    def file(self) -> tuple[str, bytes]:
        """Name and content of the file that holds all that was added, one night at least."""
        self._file.close()
        data = self._packed.getvalue()
        parts = (min(self._started), max(self._started), f"{len(self._started)}-nights", hash_of(data))
        return _name(parts) + FOLDED_SUFFIX, data


def read_file(told: str, name: str, data: bytes, way_out: str) -> Iterator[Found | BaselineError]:
    """The nights in the content ``data`` of the file ``name``, or why one cannot be used, which calls it ``told``."""
    kind = DocumentKind(_FORMAT, _SCHEMA, way_out)
    if name.endswith(SUFFIX):
        found = _read_line(told, data, kind)
        changed = isinstance(found, Found) and found.hash != said(name)
        yield kind.fault(told, "was changed since it was written") if changed else found
    elif hash_of(data) != said(name):
        yield kind.fault(told, "was changed since it was written, or is not whole")
    else:
        faulty = 0
        for number, line in enumerate(_lines(told, data, kind), 1):
            found = line if isinstance(line, BaselineError) else _read_line(f"{told}, line {number}", line, kind)
            yield found
            faulty += isinstance(found, BaselineError)
            if faulty == _MOST_FAULTY:
                yield kind.fault(told, f"was not read beyond line {number}: too many cannot be used")
                return


def hash_of(data: bytes) -> str:
    """What names a file by its content."""
    return hashlib.sha256(data).hexdigest()[:8]


def said(name: str) -> str:
    """The hash of what is in a file, as its name has it."""
    return name.removesuffix(SUFFIX).removesuffix(FOLDED_SUFFIX).rpartition("_")[2]


def _line(night: Night) -> bytes:
    # What begins like this is known as ours, and is no change of the code that it lies beside.
    head = f'{{"format": "{_FORMAT}", "schema": {_SCHEMA}, '
    content = night.model_dump(exclude_defaults=True)
    return (head + json.dumps(content, sort_keys=True, allow_nan=False, separators=(",", ":"))[1:] + "\n").encode()


def _name(parts: Iterable[str]) -> str:
    return "_".join(_NO_NAME.sub("-", part)[:80] for part in parts)


def _read_line(told: str, line: bytes, kind: DocumentKind) -> Found | BaselineError:
    try:
        # At once, as there may be thousands: what is no night at all is told better by who looks closer.
        return Found(NightFile.model_validate_json(line), line, hash_of(line))
    except ValidationError as error:
        try:
            document_of(told, text_of(told, line, kind), kind)
        except BaselineError as closer:
            return closer
        return kind.invalid(told, error)


def _lines(told: str, data: bytes, kind: DocumentKind) -> Iterator[bytes | BaselineError]:
    # Not `gzip`, which unpacks in steps of kilobytes: that takes as long as all the rest.
    unpacking, rest, total = zlib.decompressobj(_GZIP), b"", 0
    for start in range(0, len(data), _AT_ONCE):
        try:
            unpacked = unpacking.decompress(data[start : start + _AT_ONCE])
        except zlib.error as error:
            yield kind.fault(told, f"cannot be unpacked: {error}")
            return
        total += len(unpacked)
        if total > _MOST_UNPACKED:
            yield kind.fault(told, "unpacks to more than is believed")
            return
        stream, rest = io.BytesIO(rest + unpacked), b""  # not split: there may be millions of lines
        for line in stream:
            if line.endswith(b"\n"):
                yield line
            else:
                rest = line
        if len(rest) > _LONGEST_LINE:
            yield kind.fault(told, "holds a line that is too long")
            return
    if rest or not unpacking.eof or unpacking.unused_data:
        yield kind.fault(told, "is cut off, or holds more than it should")


def _night(session: Session, environment: Environment, points: Mapping[tuple[str, str], Point]) -> Night:
    return Night(
        session=session.stamp.id,
        started=session.stamp.started,
        commit=session.stamp.commit,
        dirty=session.stamp.dirty,
        against=session.against,
        environment=environment.slug,
        identity=dict(environment.identity),
        provenance=dict(environment.provenance),
        checks=list(points),
        columns=columns_of(points.values()),
    )
