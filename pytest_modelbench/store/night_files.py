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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

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
#: Checked where it is parsed, not by a function of ours for each.
Number = Annotated[float, Field(allow_inf_nan=False)]
#: What is none of these is of a version to come.
_Verdict = Annotated[str, StringConstraints(pattern=f"^({'|'.join(one.value for one in Verdict)})$")]


class Point(Checked):
    """A check in one session."""

    folder: Name
    case: Name
    unit: str
    better: Name
    value: Number
    verdict: _Verdict
    processes: int
    log_ratio: Number | None = None
    spread: Number | None = None
    ratio: Number | None = None
    low: Number | None = None
    high: Number | None = None
    allowed: Number | None = None
    accepted: str = ""


class Night(Checked):
    """A session in one environment. ``imported``: by which other tool, if it was another's."""

    session: Name
    started: Name
    commit: Name | None
    dirty: bool
    against: str
    environment: str
    identity: Facts
    provenance: Facts
    checks: dict[str, dict[str, Point]]
    imported: str = ""


class _File(Night):
    format: Literal["pytest-modelbench night"]
    schema_: Literal[1] = Field(alias="schema")


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


def nights_of(session: Session, checks: Iterable[Check]) -> list[Night]:
    """The nights of ``session``, which measured ``checks``: one for each environment that any was measured in."""
    slugs = {one.slug: one for one in session.environments}
    found: dict[str, dict[str, dict[str, Point]]] = {}
    for check in checks:
        if check.environment in slugs:
            tests = found.setdefault(check.environment, {})
            tests.setdefault(check.key.test, {})[check.key.name] = _point(check)
    return [_night(session, one, found[slug]) for slug, one in slugs.items() if slug in found]


def file_of(night: Night) -> tuple[str, bytes]:
    """Name and content of the file that holds ``night``."""
    line = _line(night)
    commit = (night.commit or "no-commit")[:10]
    return _name((night.started, night.environment, commit, hash_of(line))) + SUFFIX, line


def folded_file(found: Sequence[Found]) -> tuple[str, bytes]:
    """Name and content of the file that holds all of ``found``, which are in the order of time."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file:
        for one in found:
            file.write(one.line)
    data = packed.getvalue()
    parts = (found[0].night.started, found[-1].night.started, f"{len(found)}-nights", hash_of(data))
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
        for number, line in enumerate(_lines(told, data, kind), 1):
            yield line if isinstance(line, BaselineError) else _read_line(f"{told}, line {number}", line, kind)


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
        return Found(_File.model_validate_json(line), line, hash_of(line))
    except ValidationError as error:
        try:
            document_of(told, text_of(told, line, kind), kind)
        except BaselineError as closer:
            return closer
        return kind.invalid(told, error)


def _lines(told: str, data: bytes, kind: DocumentKind) -> Iterator[bytes | BaselineError]:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        while True:
            try:
                line = file.readline(_LONGEST_LINE)
            except (OSError, EOFError, zlib.error) as error:
                yield kind.fault(told, f"cannot be unpacked: {error}")
                return
            if not line:
                return
            if not line.endswith(b"\n"):
                yield kind.fault(told, "holds a line that is too long, or cut off")
                return
            yield line


def _night(session: Session, environment: Environment, checks: dict[str, dict[str, Point]]) -> Night:
    return Night(
        session=session.stamp.id,
        started=session.stamp.started,
        commit=session.stamp.commit,
        dirty=session.stamp.dirty,
        against=session.against,
        environment=environment.slug,
        identity=dict(environment.identity),
        provenance=dict(environment.provenance),
        checks=checks,
    )


def _point(check: Check) -> Point:
    judgement, metric = check.judgement, check.metric
    ratios = log_ratios(counted(check.measurements)) if metric.noisy else []
    baseline = judgement.baseline
    return Point(
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
