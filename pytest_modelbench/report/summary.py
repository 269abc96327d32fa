"""What a session comes to, in the words and the order that every report shares."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.places import BASELINES, Here
from pytest_modelbench.core.reasons import DisturbedBaseline
from pytest_modelbench.core.session import Check, Session
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report.footnotes import mark, value_mark
from pytest_modelbench.report.scale import change, duration, number, pair, plural

ACCEPT = "pytest --modelbench --update-baselines"


class Standing(Enum):
    """A verdict as reports tell it, trouble first; ``MISSING`` is a new check that should have had a baseline."""

    REGRESSED = "regressed"
    INCOMPARABLE = "incomparable"
    INCONCLUSIVE = "inconclusive"
    MISSING = "no baseline"
    IMPROVED = "improved"
    NEW = "new"
    UNCHANGED = "unchanged"
    OK = "ok"


#: What nobody has to look at.
FINE = frozenset({Standing.UNCHANGED, Standing.OK})
_RANK = {standing: rank for rank, standing in enumerate(Standing)}


@dataclass(frozen=True, slots=True)
class Line:
    """One check in words; the marks of its change and of its value lead to footnotes, which take the ``check``."""

    standing: Standing
    case: str
    metric: str
    baseline: str
    now: str
    change: str
    band: str
    mark: str
    now_mark: str
    check: Check


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a reader must know or do: a sentence, what it is about, and the command that helps.

    ``short`` is what even a quiet report says of it; empty for what is not that important.
    """

    text: str
    items: tuple[str, ...] = ()
    command: str = ""
    short: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What a report says beside the session itself.

    ``accept_command`` is empty where nothing is stored, ``baselines`` is the folder of baselines as the user knows it,
    ``selection`` the arguments that chose the tests, ``refused`` what could not be accepted, ``here`` how things are
    named where the user is.
    """

    accept_command: str = ACCEPT
    baselines: str = BASELINES
    selection: str = ""
    refused: tuple[Notice, ...] = ()
    here: Here = field(default_factory=Here)
    failures_listed: bool = False  #: pytest's own report, beside this one, has every failing test


def standing(check: Check, session: Session) -> Standing:
    """How ``check`` stands: a new one misses its baseline if its folder holds others and none are being recorded."""
    verdict, stored = check.judgement.verdict, not (session.updating or session.against)
    if verdict is Verdict.NEW and check.folder not in session.ungated and stored:
        return Standing.MISSING
    return Standing(verdict.value)


def lines(session: Session) -> list[Line]:
    """Every check of ``session``: trouble on top, then by case and metric."""
    shared = Counter((check.case.id, check.key.name) for check in session.checks)
    found = [
        # Where two tests measure the same of one case, only the test tells them apart.
        _line(check, standing(check, session), _label(check, shared))
        for check in session.checks
    ]
    return sorted(found, key=lambda line: (_RANK[line.standing], line.case, line.metric))


def _label(check: Check, shared: Counter[tuple[str, str]]) -> str:
    return check.key.test if shared[check.case.id, check.key.name] > 1 else check.case.id


def _line(check: Check, how: Standing, label: str) -> Line:
    judgement, metric, baseline = check.judgement, check.metric, "-"
    now = number(judgement.value, metric.unit)
    if judgement.baseline is not None and check.baseline is not None and check.baseline.unit != metric.unit:
        baseline = number(judgement.baseline, check.baseline.unit)
    elif judgement.baseline is not None:
        baseline, now = pair(judgement.baseline, judgement.value, metric.unit, tell_apart=not metric.noisy)
    found, of_now = mark(check), value_mark(check)
    return Line(
        how, label, check.key.name, baseline, now, change(judgement, metric), _band(check),
        found.value if found else "", of_now.value if of_now else "", check,
    )  # fmt: skip


def _band(check: Check) -> str:
    """``5%``, or ``5% -> 8.8%`` beside a baseline of a disturbed machine."""
    ends = [one.band_end for one in check.judgement.reasons if isinstance(one, DisturbedBaseline)]
    return f"{check.metric.band.text} -> {100 * (ends[0] - 1):.1f}%" if ends else check.metric.band.text


def tally(session: Session) -> str:
    """``3 regressed, 1 improved, 30 ok``: each standing that occurs, trouble first."""
    counts = Counter(standing(check, session) for check in session.checks)
    words = {Standing.MISSING: "without baseline"}
    told = [f"{counts[how]} {words.get(how, how.value)}" for how in Standing if counts[how]]
    return ", ".join(told) or "nothing was compared"


def circumstances(session: Session) -> str:
    """Where, with what and how long: ``AMD EPYC, 2 cores, 1 thread · torch 2.15.0 · 9 processes · 3 min 42 s``."""
    where = setting(session) or ["no process got past its start" if session.processes else "no process was started"]
    processes = [plural(session.processes, "process")] if session.processes else []
    return " · ".join([*where, *processes, duration(session.duration_s)])


def setting(session: Session) -> list[str]:
    """On what machine and with which versions, part by part; empty if no process told."""
    return _environment(session.environment) if session.environment else []


def _environment(environment: Environment) -> list[str]:
    parts = [environment.name]
    device, threads = environment.identity.get("device"), environment.identity.get("threads")
    if device is not None and str(device).lower() not in f"{environment.name} {environment.kind}".lower():
        parts.append(str(device))
    if isinstance(threads, int) and "thread" not in environment.name:
        parts.append(plural(threads, "thread"))
    versions = environment.provenance
    return parts + [f"{name} {versions[name]}" for name in ("torch", "timm", "cuda", "driver") if versions.get(name)]
