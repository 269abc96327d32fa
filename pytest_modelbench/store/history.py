"""The history of a project: a folder to which each session adds a file, and in which none is ever changed.

A file is named by when, where and what, and by what is in it: many machines write at once without a lock, copies of the
folder merge by putting their files together, and the same session kept twice is one file. What cannot be read is named
and left out.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints, ValidationError

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.measurement import counted, log_ratios
from pytest_modelbench.core.series import Night, Series
from pytest_modelbench.core.session import Check, Session
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.store.atomic import make_folder, write_atomically
from pytest_modelbench.store.documents import DocumentKind, read_document
from pytest_modelbench.store.schema import Checked, Facts, Name, Number

NIGHT = DocumentKind("pytest-modelbench night", 1, "It is left out of the history; nothing else needs it: rm {file}")
_SUFFIX = ".night.json"
#: Whatever a file's name should not hold, on any system.
_NO_NAME = re.compile(r"[^A-Za-z0-9.-]+")


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
    nights: dict[tuple[str, str], _Night] = {}
    damaged = []
    for path in sorted(folder.rglob(f"*{_SUFFIX}")):
        found = _read(path)
        if isinstance(found, str):
            damaged.append(found)
            continue
        # The same in two copies of a folder is one.
        if nights.setdefault((found.session, found.environment), found) != found:
            damaged.append(f"{path}: another file tells otherwise of the session {found.session}; remove one of them")
    ordered = sorted(nights.values(), key=lambda one: (one.started, one.session))
    return History(tuple(_series(ordered)), tuple(damaged), len(ordered))


def _read(path: Path) -> _Night | str:
    """The night in the file at ``path``, or what is wrong with it."""
    try:
        _, content = read_document(path, NIGHT)
        return _Night.model_validate({key: content[key] for key in content if key not in ("format", "schema")})
    except BaselineError as error:
        return str(error)
    except ValidationError as error:
        return str(NIGHT.invalid(path, error))


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
    mean = sum(ratios) / len(ratios) if ratios else None
    spread = None
    if mean is not None and len(ratios) > 1:
        spread = (sum((one - mean) ** 2 for one in ratios) / (len(ratios) - 1)) ** 0.5
    baseline = judgement.baseline
    return _Point(
        folder=check.folder,
        case=check.case.id,
        unit=metric.unit,
        better=metric.better.value,
        value=judgement.value,
        verdict=judgement.verdict.value,
        processes=judgement.processes,
        log_ratio=mean,
        spread=spread,
        ratio=judgement.ratio,
        low=judgement.low_ratio,
        high=judgement.high_ratio,
        allowed=metric.band.ratio(baseline) if baseline else None,
        accepted=check.baseline.accepted if check.baseline else "",
    )


def _name(session: Session, environment: Environment, text: str) -> str:
    commit = (session.stamp.commit or "no-commit")[:10]
    parts = (session.stamp.started, environment.slug, commit, hashlib.sha256(text.encode()).hexdigest()[:8])
    return "_".join(_NO_NAME.sub("-", part)[:80] for part in parts) + _SUFFIX


def _series(nights: Sequence[_Night]) -> Iterator[Series]:
    """Of each check, by the folder that it is compared in; sessions beside other code are in none."""
    found: dict[tuple[str, str, str], list[tuple[_Night, _Point]]] = {}
    for night in nights:
        if not night.against:
            for test, checks in night.checks.items():
                for name, point in checks.items():
                    found.setdefault((point.folder, test, name), []).append((night, point))
    for (folder, test, name), points in sorted(found.items()):
        last = points[-1][1]
        # Figures in another unit are of another thing.
        same = tuple(_of(night, point) for night, point in points if point.unit == last.unit)
        yield Series(folder, test, name, last.case, last.unit, last.better, same)


def _of(night: _Night, point: _Point) -> Night:
    return Night(
        night.session, night.started, night.commit, point.value, Verdict(point.verdict), point.log_ratio, point.spread,
        point.processes, point.ratio, point.low, point.high, point.allowed, point.accepted,
    )  # fmt: skip
