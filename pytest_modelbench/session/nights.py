"""What a session leaves for later ones to learn from, and where: in pytest's cache, which nobody commits."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.measurement import undisturbed
from pytest_modelbench.core.session import Check, Session
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.comparison import MOST_DRIFT
from pytest_modelbench.judge.stored import machine_drift
from pytest_modelbench.store.acceptance import processes_of
from pytest_modelbench.store.nights import Night, Seen
from pytest_modelbench.store.schema import Origin, Processes

#: Processes that are kept of each check: those that every check has. Which ones have more is no matter of chance.
_KEPT = 2


def nights_folder(cache: Any) -> Path | None:
    """Where the nights of a project are, in pytest's ``cache`` of it; None where that is none, or cannot be written."""
    with contextlib.suppress(OSError):
        return Path(cache.mkdir("modelbench"), "nights") if cache else None
    return None


def night_of(session: Session, environment: Environment) -> Night | None:
    """What ``session`` measured in ``environment`` of code that can be known again; None if that is nothing."""
    if session.updating or session.interrupted or session.against:
        return None
    stamp, checks = session.stamp, dict[str, dict[str, Seen]]()
    for check in session.checks:
        if check.environment != environment.slug or check.folder != environment.slug:
            continue
        unchanged = check.judgement.verdict is Verdict.UNCHANGED
        if (unchanged or (stamp.commit and not stamp.dirty)) and (seen := _seen(check, unchanged=unchanged)):
            checks.setdefault(check.key.test, {})[check.key.name] = seen
    if not checks:
        return None
    provenance = environment.provenance_in(environment.slug)
    return Night(
        session=stamp.id, origin=Origin(commit=stamp.commit, dirty=stamp.dirty, provenance=provenance), checks=checks
    )


def _seen(check: Check, *, unchanged: bool) -> Seen | None:
    measurements, baseline = check.measurements[:_KEPT], check.baseline
    if not check.metric.noisy or len(measurements) < _KEPT:
        return None
    away = unchanged and check.judgement.machine_moved is not None
    drifted = baseline is not None and abs(machine_drift(measurements, baseline) or 0.0) > MOST_DRIFT
    if not away and (drifted or len(undisturbed(measurements)) < _KEPT):
        return None  # as with a comparison: such a ratio says nothing
    accepted = baseline.accepted if baseline and unchanged else ""
    try:
        return Seen(processes=Processes(**processes_of(measurements)), accepted=accepted, away=away)
    except ValidationError:
        return None  # a number that no file may hold
