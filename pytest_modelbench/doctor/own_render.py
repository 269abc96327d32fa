"""The doctor's report on somebody's own tests: text for people, and plain values for machines."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from pytest_modelbench.doctor.findings import Finding, Severity
from pytest_modelbench.doctor.machine import Machine
from pytest_modelbench.doctor.own import OwnCheck, OwnTrial
from pytest_modelbench.doctor.render import SCHEMA, WIDEST, finding_lines, finding_to_json, machine_text, wrapped
from pytest_modelbench.doctor.trust import DRAWS
from pytest_modelbench.report.scale import duration, number, percent, plural
from pytest_modelbench.report.table import Column, Row, layout


@dataclass(frozen=True, slots=True)
class OwnReport:
    """All that a run of the doctor on somebody's own tests found."""

    machine: Machine
    findings: tuple[Finding, ...]
    trial: OwnTrial

    @property
    def sound(self) -> bool:
        """Whether nothing is a problem."""
        return all(finding.severity is not Severity.PROBLEM for finding in self.findings)


def render_own(report: OwnReport, width: int) -> str:
    """The report in lines of at most ``width``, except for what is to be copied."""
    width = min(width, WIDEST)
    parts = ["\n".join(wrapped("machine", machine_text(report.machine), width))]
    for severity in (Severity.PROBLEM, Severity.ADVICE):
        parts += ["\n".join(finding_lines(one, width)) for one in report.findings if one.severity is severity]
    good = [one.what for one in report.findings if one.severity is Severity.FINE]
    parts += ["\n".join(wrapped("fine", "; ".join(good), width))] if good else []
    parts.append("\n".join(_trial(report.trial, width)))
    return "\n\n".join(parts)


def _trial(trial: OwnTrial, width: int) -> Iterator[str]:
    where = f" on {trial.environment}" if trial.environment else ""
    cut = ", interrupted" if trial.interrupted else ""
    what = f"your tests measured against themselves, up to {plural(trial.pairs, 'pair')} of processes{where}, "
    yield from wrapped("trial", f"{what}{duration(trial.duration_s)}{cut}", width)
    if not trial.checks:
        yield from wrapped("", "none of their checks varies" if trial.exact else "nothing was measured", width)
        return
    columns = (
        Column("case"), Column("metric"), Column("pairs", right=True, drops=1), Column("now", right=True, drops=2),
        Column("spread", right=True), Column("band", right=True, drops=3), Column("finds", right=True),
        Column("ok", right=True), Column("alarms", right=True),
    )  # fmt: skip
    yield ""
    shared = Counter((one.case, one.name) for one in trial.checks)
    # Where two tests measure the same of one case, only the test tells them apart.
    rows = [_row(one, one.test if shared[one.case, one.name] > 1 else one.case) for one in trial.checks]
    yield layout(columns, sorted(rows, key=lambda row: row.cells[:2]), width)
    yield ""
    yield from textwrap.wrap(
        "spread: how far the differences of pairs are apart (standard deviation). finds: the smallest change that a "
        f"session finds in 4 of 5 cases, after {trial.looks[-1]} pairs at most. ok, alarms: how many of {DRAWS} "
        "sessions of unchanged code, drawn with this spread, call it ok and regressed; the rest leave it open.",
        width,
    )
    if disturbed := sum(one.disturbed for one in trial.checks):
        verb = "was" if disturbed == 1 else "were"
        told = f"{disturbed} of {sum(one.pairs for one in trial.checks)} measurements in pairs {verb} disturbed by "
        yield from textwrap.wrap(f"{told}something else that used the machine, and count all the same.", width)


def _row(one: OwnCheck, label: str) -> Row:
    found = percent(one.found_ratio) if one.found_ratio is not None else "?"
    ok, alarms = (f"{one.drawn.ok:.0%}", f"{one.drawn.alarms:.1%}") if one.drawn else ("?", "?")
    spread = f"{one.spread:.1%}" if one.spread is not None else "?"
    band = f"{100 * one.band:.3g}%"
    return Row((label, one.name, str(one.pairs), number(one.value, one.unit), spread, band, found, ok, alarms))


def own_to_json(report: OwnReport) -> dict[str, Any]:
    """Plain values. Spreads are of logs, bands and shares fractions of 1; null is unknown."""
    trial = asdict(report.trial)
    for told, one in zip(trial["checks"], report.trial.checks, strict=True):
        told["verdict"] = one.verdict.value
    trial["vary"] = [" ".join(one) for one in report.trial.vary]
    return {
        "schema": SCHEMA,
        "machine": asdict(report.machine),
        "findings": [finding_to_json(finding) for finding in report.findings],
        "own": trial,
    }
