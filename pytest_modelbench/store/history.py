"""The history of a project: a folder to which each session adds a file, and in which none is ever changed.

A file is named by when, where and what, and by what is in it: many machines write at once without a lock, copies of the
folder merge by putting their files together, and the same session kept twice is one file. What cannot be read is named
and left out.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, StringConstraints, ValidationError

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.measurement import counted, log_ratios
from pytest_modelbench.core.series import Night, Series
from pytest_modelbench.core.session import Check, Session
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.store.atomic import make_folder, write_atomically
from pytest_modelbench.store.documents import DocumentKind, read_document
from pytest_modelbench.store.schema import Checked, Facts, Name

NIGHT = DocumentKind("pytest-modelbench night", 1, "It is left out of the history; nothing else needs it: rm {file}")
_SUFFIX = ".night.json"
_VERDICTS = {one.value: one for one in Verdict}
#: Whatever a file's name should not hold, on any system.
_NO_NAME = re.compile(r"[^A-Za-z0-9.-]+")
#: Checked where it is parsed, not by a function of ours for each.
Number = Annotated[float, Field(allow_inf_nan=False)]
#: What is none of these is of a version to come.
_Verdict = Annotated[str, StringConstraints(pattern=f"^({'|'.join(one.value for one in Verdict)})$")]


class _Point(Checked):
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


class _Night(Checked):
    session: Name
    started: Name
    commit: Name | None
    dirty: bool
    against: str
    environment: str
    identity: Facts
    provenance: Facts
    checks: dict[str, dict[str, _Point]]


class _File(_Night):
    format: Literal["pytest-modelbench night"]
    schema_: Literal[1] = Field(alias="schema")


@dataclass(frozen=True, slots=True)
class History:
    """What a folder holds: series by check, and why each file that cannot be used cannot."""

    series: tuple[Series, ...]
    damaged: tuple[str, ...] = ()
    sessions: int = 0


def keep(folder: Path, session: Session) -> list[Path]:
    """Add ``session`` to the history in ``folder``, a file for each environment; the files that hold it now.

    Raises BaselineError or OSError where that cannot be written.
    """
    paths = []
    for environment in session.environments:
        checks = [check for check in session.checks if check.environment == environment.slug]
        if checks:
            night = _night(session, environment, checks)
            content = {"format": NIGHT.format, "schema": NIGHT.schema, **night.model_dump(exclude_defaults=True)}
            text = json.dumps(content, sort_keys=True, allow_nan=False, separators=(",", ":")) + "\n"
            make_folder(folder)
            paths.append(folder / _name(session, environment, text))
            if not paths[-1].exists():
                write_atomically(paths[-1], text)
    return paths


def read_history(folder: Path) -> History:
    """What is kept in ``folder``, which may hold folders of others; BaselineError if there is no such folder."""
    if not folder.is_dir():
        raise BaselineError(
            f"{folder}: there is no such folder; sessions make it: pytest --modelbench-history {folder}"
        )
    told: dict[tuple[str, str], str] = {}  #: the hash of what each session says
    damaged = []
    gathered = _Gathered()
    for path in sorted(folder.rglob(f"*{_SUFFIX}")):
        found = _read(path)
        if isinstance(found, str):
            damaged.append(found)
        elif (key := (found.session, found.environment)) not in told:
            told[key] = _said(path)
            gathered.add(found)
        elif told[key] != _said(path):  # and not the same in another copy of the folder
            damaged.append(f"{path}: another file tells otherwise of the session {found.session}; remove one of them")
    return History(tuple(gathered.series()), tuple(damaged), len(told))


def _read(path: Path) -> _Night | str:
    """The night in the file at ``path``, or what is wrong with it."""
    try:
        data = path.read_bytes()
        # At once, as there may be thousands: what is no night at all is told better by who looks closer.
        found = _File.model_validate_json(data)
    except OSError as error:
        return str(NIGHT.fault(path, f"cannot be read: {error.strerror or error}"))
    except ValidationError as error:
        try:
            read_document(path, NIGHT)
        except BaselineError as closer:
            return str(closer)
        return str(NIGHT.invalid(path, error))
    return found if _hash(data) == _said(path) else str(NIGHT.fault(path, "was changed since it was written"))


def _night(session: Session, environment: Environment, checks: list[Check]) -> _Night:
    by_test: dict[str, dict[str, _Point]] = {}
    for check in checks:
        by_test.setdefault(check.key.test, {})[check.key.name] = _point(check)
    return _Night(
        session=session.stamp.id,
        started=session.stamp.started,
        commit=session.stamp.commit,
        dirty=session.stamp.dirty,
        against=session.against,
        environment=environment.slug,
        identity=dict(environment.identity),
        provenance=dict(environment.provenance),
        checks=by_test,
    )


def _point(check: Check) -> _Point:
    judgement, metric = check.judgement, check.metric
    ratios = log_ratios(counted(check.measurements)) if metric.noisy else []
    baseline = judgement.baseline
    return _Point(
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


def _name(session: Session, environment: Environment, text: str) -> str:
    commit = (session.stamp.commit or "no-commit")[:10]
    parts = (session.stamp.started, environment.slug, commit, _hash(text.encode()))
    return "_".join(_NO_NAME.sub("-", part)[:80] for part in parts) + _SUFFIX


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8]


def _said(path: Path) -> str:
    """The hash of what is in a file, as its name has it."""
    return path.name.removesuffix(_SUFFIX).rpartition("_")[2]


class _Gathered:
    """Points of nights by check, as they are read: a night itself is forgotten."""

    def __init__(self) -> None:
        self._by_check: dict[tuple[str, str, str], list[tuple[_About, Night]]] = {}
        self._known: dict[_About, _About] = {}

    def add(self, night: _Night) -> None:
        """Add a night; one beside other code is in no series."""
        if night.against:
            return
        facts = {**night.identity, **night.provenance}
        for test, checks in night.checks.items():
            for name, point in checks.items():
                about = _About(point.case, point.unit, point.better)
                about = self._known.setdefault(about, about)
                key = point.folder, test, name
                self._by_check.setdefault(key, []).append((about, _of(night, point, facts)))

    def series(self) -> Iterator[Series]:
        """Of each check, by the folder that it is compared in."""
        for (folder, test, name), points in sorted(self._by_check.items()):
            points.sort(key=lambda one: (one[1].started, one[1].session))
            last = points[-1][0]
            # Figures in another unit are of another thing.
            same = tuple(point for about, point in points if about.unit == last.unit)
            yield Series(folder, test, name, last.case, last.unit, last.better, same)


class _About(NamedTuple):
    """What a point is of, beside its check."""

    case: str
    unit: str
    better: str


def _of(night: _Night, point: _Point, facts: Facts) -> Night:
    return Night(
        night.session, night.started, night.commit, point.value, _VERDICTS[point.verdict], point.log_ratio,
        point.spread, point.processes, point.ratio, point.low, point.high, point.allowed, sys.intern(point.accepted),
        facts, night.environment,
    )  # fmt: skip
