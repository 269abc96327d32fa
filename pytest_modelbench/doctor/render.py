"""The doctor's report: text for people, and plain values for machines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pytest_modelbench.doctor.advice import DEFAULT_BAND, band_text, percent, too_few
from pytest_modelbench.doctor.findings import Finding, Severity
from pytest_modelbench.doctor.machine import Machine
from pytest_modelbench.doctor.trial import Trial
from pytest_modelbench.doctor.trust import DRAWS, TRUSTED, Noise
from pytest_modelbench.report.scale import duration, number, plural
from pytest_modelbench.report.table import Column, Row, layout

#: Version of the JSON; raised when a key changes its meaning or goes.
SCHEMA = 1
#: Wider lines are hard to read.
WIDEST = 100
_INDENT = " " * 9


@dataclass(frozen=True, slots=True)
class Report:
    """All that a run of the doctor found. ``trial`` is None if none was asked for; ``noises`` tell of its cases."""

    machine: Machine
    findings: tuple[Finding, ...]
    trial: Trial | None = None
    noises: tuple[Noise, ...] = ()
    noise: Finding | None = None  #: what the noises amount to

    @property
    def everything(self) -> tuple[Finding, ...]:
        """Findings of the machine, of the trial and of the noise."""
        return (*self.findings, *((self.noise,) if self.noise else ()))

    @property
    def sound(self) -> bool:
        """Whether nothing is a problem."""
        return all(finding.severity is not Severity.PROBLEM for finding in self.everything)


def render(report: Report, width: int) -> str:
    """The report in lines of at most ``width``, except for what is to be copied."""
    width = min(width, WIDEST)
    parts = ["\n".join(wrapped("machine", machine_text(report.machine), width))]
    told = [finding for finding in report.findings if finding.severity is not Severity.FINE]
    parts += ["\n".join(finding_lines(finding, width)) for finding in told]
    good = [finding.what for finding in report.findings if finding.severity is Severity.FINE]
    parts += ["\n".join(wrapped("fine", "; ".join(good), width))] if good else []
    if report.trial is not None:
        parts.append("\n".join(_trial(report.trial, report.noises, width)))
    parts.append("\n".join(_what_to_do(report, width)))
    return "\n\n".join(parts)


def machine_text(machine: Machine) -> str:
    """The machine in a line."""
    facts = [machine.cpu or "", plural(machine.cores, "core")]
    facts += ["virtual machine"] if machine.virtual else []
    facts += [number(machine.memory_bytes, "bytes")] if machine.memory_bytes else []
    facts += [machine.gpu.name] if machine.gpu else []
    return ", ".join(filter(None, facts))


def finding_lines(finding: Finding, width: int) -> Iterator[str]:
    """A finding, why it matters, and what to copy."""
    yield from wrapped(finding.severity.value, finding.what, width)
    # A cause may have lines of its own: the end of a dead process's output.
    for line in finding.why.splitlines():
        yield from wrapped("", line, width)
    for line in finding.mend.splitlines():
        yield f"{_INDENT}    {line}"


def _trial(trial: Trial, noises: Sequence[Noise], width: int) -> Iterator[str]:
    where = f" on {trial.environment.name}" if trial.environment else ""
    cut = ", interrupted" if trial.interrupted else ""
    what = f"{plural(trial.processes, 'process')} of unchanged code{where}, {duration(trial.duration_s)}{cut}"
    yield from wrapped("trial", what, width)
    columns = (
        Column("case"), Column("n", right=True, drops=1), Column("time", right=True, drops=2),
        Column("raw sd", right=True), Column("sd", right=True), Column("band", right=True), Column("duet", right=True),
    )  # fmt: skip
    rows = [
        Row(
            (
                noise.case, str(noise.processes), number(noise.median_s, "s"), _sd(noise.raw_sd),
                _sd(noise.process_sd), band_text(noise), band_text(noise, duet=True),
            )
        )
        for noise in noises
    ]  # fmt: skip
    if not rows:
        yield f"{_INDENT}nothing was measured"
        return
    yield ""
    yield layout(columns, rows, width)
    yield ""
    yield from textwrap.wrap(
        "raw sd: how far the times of processes differ (standard deviation). sd: the same, corrected by the reference "
        f"workload. band: the smallest band with which unchanged code is ok in {percent(TRUSTED)} of {DRAWS} sessions "
        "drawn from these processes, against a stored baseline. duet: the same for code measured side by side; these "
        "processes were not, so a real duet does better.",
        width,
    )
    if disturbed := sum(noise.disturbed for noise in noises):
        all_in_all = plural(sum(noise.processes for noise in noises), "measurement")
        yield from textwrap.wrap(
            f"{disturbed} of {all_in_all} {'was' if disturbed == 1 else 'were'} disturbed by something else that used "
            "the machine, and count all the same, as the machine is like that.",
            width,
        )


def _sd(sd: float | None) -> str:
    return "?" if sd is None else f"{sd:.1%}"


def _what_to_do(report: Report, width: int) -> Iterator[str]:
    problems = [finding for finding in report.findings if finding.severity is Severity.PROBLEM]
    steps = []
    if problems:
        them = "the problem" if len(problems) == 1 else f"the {len(problems)} problems"
        steps.append(f"Mend {them} above ({', '.join(one.id for one in problems)}) and run this again.")
    if report.trial is None:
        steps.append("Measure this machine's noise: pytest-modelbench doctor")
    elif report.noise is None:
        # Where nothing was measured at all, the problem above says why.
        steps += [too_few(report.noises)] if report.noises or not problems else []
    elif report.noise.severity is Severity.FINE:
        steps.append(f"Leave the bands as they are: {report.noise.what}. {report.noise.why}".rstrip())
    elif report.noise.severity is Severity.ADVICE:
        ahead = "Until then, widen" if problems else "Widen"
        steps.append(f"{ahead} the bands in pyproject.toml: {report.noise.what}. {report.noise.why}")
    else:
        never = "Do not gate times against stored baselines on this machine as it is"
        steps.append(f"{never}: {report.noise.what}. {report.noise.why}")
    yield "what to do"
    for count, step in enumerate(steps, 1):
        yield from textwrap.wrap(step, width, initial_indent=f"{count}. ", subsequent_indent="   ")
    if report.noise and report.noise.mend:
        yield from (f"       {line}" for line in report.noise.mend.splitlines())


def wrapped(label: str, text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width``, beside its label."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=f"{label:<{len(_INDENT)}}",
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
    )


def to_json(report: Report) -> dict[str, Any]:
    """Plain values. Spreads are of logs and bands shares, 0.05 for 5 %; null is unknown, or beyond what was tried."""
    return {
        "schema": SCHEMA,
        "machine": asdict(report.machine),
        "findings": [finding_to_json(finding) for finding in report.everything],
        "trial": None if report.trial is None else _trial_to_json(report.trial, report.noises),
    }


def finding_to_json(finding: Finding) -> dict[str, str]:
    """Plain values."""
    return {
        "id": finding.id,
        "kind": finding.severity.value,
        "what": finding.what,
        "why": finding.why,
        "mend": finding.mend,
    }


def _trial_to_json(trial: Trial, noises: Sequence[Noise]) -> dict[str, Any]:
    return {
        "processes": trial.processes,
        "duration_s": trial.duration_s,
        "interrupted": trial.interrupted,
        "environment": trial.environment.name if trial.environment else None,
        "default_band": DEFAULT_BAND,
        "cases": [
            asdict(noise)
            | {
                "bands_known": noise.told,
                "log_ratios": [one.log_ratio for one in trial.cases[noise.case]],
                "latencies_s": [one.latency_s for one in trial.cases[noise.case]],
            }
            for noise in noises
        ],
    }
