"""What a session comes to, in the words and the order that every report shares."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.places import BASELINES, Here
from pytest_modelbench.core.session import Absence, Check, Outcome, Session
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report.commands import prune_command
from pytest_modelbench.report.footnotes import mark
from pytest_modelbench.report.messages import found_from, more_needed
from pytest_modelbench.report.reasons import sentences
from pytest_modelbench.report.scale import change, duration, number, pair, plural

ACCEPT = "pytest --modelbench --update-baselines"
#: Items listed one by one before the rest is counted: more would push the verdicts off the screen.
_MOST_ITEMS = 5
#: Tests named in a command; beyond, one that takes all of them is easier to read and to paste.
_MOST_TESTS = 4


class Standing(Enum):
    """A verdict as reports tell it, trouble first; ``MISSING`` is a new check that should have had a baseline."""

    REGRESSED = "regressed"
    INCOMPARABLE = "incomparable"
    INCONCLUSIVE = "inconclusive"
    MISSING = "no baseline"
    IMPROVED = "improved"
    NEW = "new"
    OK = "ok"


_RANK = {standing: rank for rank, standing in enumerate(Standing)}


@dataclass(frozen=True, slots=True)
class Line:
    """One check in words; ``mark`` leads to a footnote, which takes the ``check`` itself."""

    standing: Standing
    case: str
    metric: str
    baseline: str
    now: str
    change: str
    band: str
    mark: str
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

    ``baselines`` is the folder of baselines as the user knows it, ``selection`` the arguments that chose the tests,
    ``refused`` what could not be accepted, ``here`` how things are named where the user is.
    """

    accept_command: str = ACCEPT
    baselines: str = BASELINES
    selection: str = ""
    refused: tuple[Notice, ...] = ()
    here: Here = field(default_factory=Here)
    failures_listed: bool = False  #: pytest's own report, beside this one, has every failing test

    @property
    def accept_all(self) -> str:
        """The command that accepts everything that this session measured; empty where nothing is stored."""
        return " ".join(filter(None, [self.accept_command, self.selection])) if self.accept_command else ""


def standing(check: Check, session: Session) -> Standing:
    """How ``check`` stands: a new one misses its baseline if its folder holds others and none are being recorded."""
    verdict = check.judgement.verdict
    if verdict is Verdict.NEW and check.folder not in session.ungated and not session.updating:
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
    found = mark(check)
    told = change(judgement, metric), metric.band.text, found.value if found else "", check
    return Line(how, label, check.key.name, baseline, now, *told)


def tally(session: Session) -> str:
    """``3 regressed, 1 improved, 30 ok``: each standing that occurs, trouble first."""
    counts = Counter(standing(check, session) for check in session.checks)
    words = {Standing.MISSING: "without baseline"}
    told = [f"{counts[how]} {words.get(how, how.value)}" for how in Standing if counts[how]]
    return ", ".join(told) or "nothing was compared"


def circumstances(session: Session) -> str:
    """Where, with what and how long: ``AMD EPYC, 2 cores, 1 thread · torch 2.15.0 · 9 processes · 3 min 42 s``."""
    where = setting(session) or ["no process was started"]
    processes = [plural(session.processes, "process")] if session.processes else []
    return " · ".join([*where, *processes, duration(session.duration_s)])


def setting(session: Session) -> list[str]:
    """On what machine and with which versions, part by part; empty if no process was started."""
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


def notices(session: Session, told: Told | None = None) -> list[Notice]:
    """What was not gated, loudly; then what a reader is asked to do."""
    told = told or Told()
    found = []
    if session.interrupted:
        text = "INTERRUPTED: this is incomplete; nothing was recorded, and no baseline was touched"
        found.append(Notice(text, short="INTERRUPTED, nothing was recorded"))
    if not session.checks and not session.tests:
        found.append(Notice("nothing was measured: no benchmark test was selected"))
    found += _not_gated(session, told)
    found += [Notice(f"warning: {warning}") for warning in session.warnings]
    found += _absent(session, told)
    if session.updating or session.interrupted:
        return found
    return found + _open(session) + _acceptance(session, told)


#: What is told of a test that does not measure what it has a baseline for.
_WHY_ABSENT = {
    Absence.GONE: "there is no such test",
    Absence.NO_BENCHMARK: "it measures nothing: it has neither the modelbench fixture nor its mark",
    Absence.DROPPED: "a hook took it off the list of tests, and did not say that it is deselected",
    Absence.NOT_COLLECTED: "its file is there, and was not collected: look at testpaths, collect_ignore, python_files",
}


def _absent(session: Session, told: Told) -> list[Notice]:
    """Baseline entries that no test measured, though they were asked for."""
    found = []
    for orphans in (True, False):
        entries = [one for one in session.absent if one.is_orphan is orphans]
        if not entries:
            continue
        verb, them = ("has", "it") if len(entries) == 1 else ("have", "them")
        lead = f"NOT GATED: {plural(len(entries), 'baseline entry')} {verb} no test that measures {them}"
        by_test: dict[tuple[str, Absence], list[str]] = {}
        for one in entries:
            by_test.setdefault((one.key.test, one.why), []).append(one.key.name)
        items = [f"{test} ({', '.join(names)}): {_WHY_ABSENT[why]}" for (test, why), names in by_test.items()]
        command = prune_command({one.key.test for one in entries}, told.baselines, here=told.here) if orphans else ""
        text = f"{lead}; if that is intended, remove {them} with" if orphans else lead
        found.append(Notice(text, some(items), command=command, short=lead))
    return found


def _open(session: Session) -> list[Notice]:
    """What the noise left undecided, and what would decide it."""
    checks = [check for check in session.checks if check.judgement.verdict is Verdict.INCONCLUSIVE]
    if not checks:
        return []
    items = []
    for check in checks:
        told = [text for text in (more_needed(check), found_from(check)) if text] or [
            sentences(check.judgement.reasons)
        ]
        items.append(f"{check.case.id} {check.key.name}: {'; '.join(told)}")
    verb = "is" if len(checks) == 1 else "are"
    text = f"{plural(len(checks), 'check')} {verb} undecided, which does not count as ok"
    return [Notice(text, some(items))]


def _not_gated(session: Session, told: Told) -> list[Notice]:
    found = []
    for folder, count in sorted(session.ungated.items() if not session.updating else ()):
        verb = "has" if count == 1 else "have"
        lead = f"NOT GATED: {plural(count, 'check')}"
        text = f"{lead} {verb} no baseline in {told.baselines}/{folder}: nothing there yet; accept with"
        found.append(Notice(text, command=told.accept_all, short=f"{lead} ({folder})"))
    measured = {check.key.test for check in session.checks}
    unmeasured = [test for test in session.tests if test.test not in measured]
    for outcome, what, listed in (
        (Outcome.SKIPPED, "skipped", False),
        (Outcome.FAILED, "failed, so nothing of {} was compared", told.failures_listed),
        (Outcome.INCONCLUSIVE, "not measured", False),
    ):
        tests = [test for test in unmeasured if test.outcome is outcome]
        if tests:
            items = [f"{test.test}  {first}" if (first := _first_line(test.message)) else test.test for test in tests]
            text = f"NOT GATED: {plural(len(tests), 'test')} {what.format('it' if len(tests) == 1 else 'them')}"
            found.append(Notice(text, () if listed else some(items), short=text))
    return found


def _acceptance(session: Session, told: Told) -> list[Notice]:
    """How to accept what changed: gains, and changes that somebody wanted."""
    found = []
    for wanted, text in (
        ({Standing.IMPROVED}, "{} improved: accept, or the gain can be lost again unseen"),
        ({Standing.REGRESSED, Standing.INCOMPARABLE, Standing.MISSING}, "if the change is intended, accept with"),
    ):
        tests = [check.key.test for check in session.checks if standing(check, session) in wanted]
        if tests and told.accept_command:
            command = accept_of(tests, session, told)
            found.append(Notice(text.format(len(tests)), command=command))
    return found


def accept_of(tests: Iterable[str], session: Session, told: Told) -> str:
    """Command that accepts ``tests``: by themselves if they are few, else with what selected this session's."""
    chosen = sorted(set(tests))
    every = {check.key.test for check in session.checks} | {test.test for test in session.tests}
    if len(chosen) > _MOST_TESTS or every <= set(chosen):
        return told.accept_all
    return " ".join([told.accept_command, *(shlex.quote(told.here.argument(test)) for test in chosen)])


def some(items: list[str]) -> tuple[str, ...]:
    """The first few, and how many more there are."""
    if len(items) <= _MOST_ITEMS:
        return tuple(items)
    return (*items[:_MOST_ITEMS], f"and {len(items) - _MOST_ITEMS} more")


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
