"""What a reader must know or do about a session: what was not gated, what is undecided, and how to accept changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_modelbench.core.environment import named
from pytest_modelbench.core.listed_models import is_listed
from pytest_modelbench.core.reasons import Disturbed, SameCode
from pytest_modelbench.core.session import Absence, Check, Outcome, Renamed, Session
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report.commands import prune_command, rename_command
from pytest_modelbench.report.messages import as_if, found_from, more_needed
from pytest_modelbench.report.reasons import sentence, sentences
from pytest_modelbench.report.scale import percent, plural
from pytest_modelbench.report.selection import MOST_TESTS, naming
from pytest_modelbench.report.summary import Notice, Standing, Told, standing

#: Items listed one by one before the rest is counted: more would push the verdicts off the screen.
_MOST_ITEMS = 5
#: What did not change where the machine did: of code that is the baseline's (True), that a duet cleared, or of both.
_NOT_TO_BLAME = {
    frozenset({True}): "code, versions, settings and environment are those of the baseline",
    frozenset({False}): "beside the baseline's code, this code is no slower; versions, settings and environment "
    "are the same",
    frozenset({True, False}): "the code is that of the baseline, or no slower; all else is the same",
}
_IF_IT_STAYS = "If it stays so, accept with"


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
    found += _twice(session)
    found += _absent(session, told)
    if session.updating or session.interrupted:
        return found
    return found + _predicted(session) + _machine(session, told) + _open(session) + _acceptance(session, told)


#: Predictions that change by less are not told: they are off by more.
_TOLD_FROM = 0.005


def _predicted(session: Session) -> list[Notice]:
    """What changes on devices that are not here, on paper: told, and nothing to be failed for."""
    items = []
    for check in session.checks:
        ratio = check.judgement.ratio
        if check.metric.name == "predicted_latency" and ratio and abs(ratio - 1) >= _TOLD_FROM and check.measurements:
            figures = check.measurements[-1].figures
            # Whoever wrote the results file may have left them out.
            if (device := figures.get("device")) and (held_up_by := figures.get("held_up_by")):
                items.append(f"{check.case.id}: {percent(ratio)} on {device} (limited by {held_up_by})")
    return [Notice("predicted, not measured:", some(items))] if items else []


def _twice(session: Session) -> list[Notice]:
    """What a listed model measures once more, though a test of somebody's does: both are gated, at twice the time."""
    of_tests: dict[tuple[str, str], dict[str, None]] = {}
    for one in session.checks:
        if not is_listed(one.key.test):
            of_tests.setdefault((one.case.id, one.key.name), {})[one.key.test] = None
    found: dict[str, dict[str, int]] = {}
    for one in session.checks:
        if is_listed(one.key.test):
            for other in of_tests.get((one.case.id, one.key.name), ()):
                counts = found.setdefault(one.key.test, {})
                counts[other] = counts.get(other, 0) + 1
    if not found:
        return []
    lead = f"warning: {plural(len(found), 'listed model')} that tests measure, too"
    items = []
    for listed, counts in found.items():
        told = [f"{plural(count, 'check')} of {other}" for other, count in counts.items()]
        items.append(f"{listed}: {', '.join(told)}")
    text = f"{lead}, at twice the time; take off the list (--modelbench-model, or models) what a test measures"
    return [Notice(text, some(items), short=lead)]


#: What is told of a test that does not measure what it has a baseline for.
_WHY_ABSENT = {
    Absence.GONE: "there is no such test",
    Absence.NO_BENCHMARK: "it is no benchmark test: it has neither the modelbench fixture nor the modelbench marker",
    Absence.DROPPED: "a hook removed it from the tests and did not report it to pytest_deselected",
    Absence.NOT_COLLECTED: "its file is there but was not collected: check testpaths, collect_ignore, python_files",
}


#: What is told of a test that passes, by what it takes and does not use.
_IDLE = {
    "modelbench": "takes modelbench and records nothing, so that nothing of it is gated",
    "device_timer": "takes device_timer and times nothing",
    "peak_memory": "takes peak_memory and measures nothing",
}


def _absent(session: Session, told: Told) -> list[Notice]:
    """Baseline entries that no test measured, though they were asked for."""
    found = [_renamed(one, session, told) for one in session.renamed]
    renamed = {old for one in session.renamed for old, _ in one.tests}
    for orphans in (True, False):
        entries = [one for one in session.absent if one.is_orphan is orphans and one.key.test not in renamed]
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


def _renamed(renamed: Renamed, session: Session, told: Told) -> Notice:
    """Baseline entries that nothing measures, of tests that may have another id; and how those would then stand."""
    olds = {old for old, _ in renamed.tests}
    count = sum(one.key.test in olds for one in session.absent)
    verb = "has" if count == 1 else "have"
    lead = f"NOT GATED: {plural(count, 'baseline entry')} of {renamed.old} {verb} no test"
    # What would not be ok is what a reader has to know before the old name is given up.
    fine = sum(check.judgement.verdict is Verdict.OK for check in renamed.checks)
    items = [
        f"{as_if(check)}" if len(renamed.tests) == 1 else f"{check.key.test} {as_if(check)}"
        for check in renamed.checks
        if len(renamed.tests) == 1 or check.judgement.verdict is not Verdict.OK
    ]
    if len(renamed.tests) > 1 and fine:
        items.append(f"{plural(fine, 'check')} of {plural(len(renamed.tests), 'test')} would be ok")
    items = [*some(items)]
    if len(olds) <= MOST_TESTS:
        items.append(f"if it is gone for good:  {prune_command(olds, told.baselines, here=told.here)}")
    text = f"{lead}; if the test is now called {renamed.new}, keep them with the last command"
    rename = rename_command(renamed.old, renamed.new, told.baselines, told.here)
    return Notice(text, tuple(items), rename, short=lead)


def _open(session: Session) -> list[Notice]:
    """What the noise left undecided, and what would decide it."""
    checks = [check for check in session.checks if check.judgement.verdict is Verdict.INCONCLUSIVE]
    upset = [check for check in checks if check.judgement.because(Disturbed)]
    found = [_disturbed(upset)] if upset else []
    checks = [check for check in checks if check not in upset]
    if not checks:
        return found
    items = []
    for check in checks:
        where = check.judgement.where
        rest = [one for one in check.judgement.reasons if one not in where]
        told = [text for text in (more_needed(check), found_from(check)) if text] or [sentences(rest)]
        told += map(sentence, where)
        items.append(f"{check.case.id} {check.key.name}: {'; '.join(told)}")
    verb = "is" if len(checks) == 1 else "are"
    text = f"{plural(len(checks), 'check')} {verb} undecided, which does not count as ok"
    return [*found, Notice(text, some(items))]


def _machine(session: Session, told: Told) -> list[Notice]:
    """What passes, as no code is to blame, though its time is surely another one than what is stored."""
    moved = [(check, moved) for check in session.checks if (moved := check.judgement.machine_moved)]
    if not moved:
        return []
    could = sum(check.metric.noisy and check.baseline is not None for check in session.checks)
    ratios = sorted(one.apart for _, one in moved)
    span = percent(ratios[0]) if len(moved) == 1 else f"{percent(ratios[0])} to {percent(ratios[-1])}"
    verb, its = ("differs", "its") if len(moved) == 1 else ("differ", "their")
    lead = f"THE MACHINE MOVED: {len(moved)} of {plural(could, 'noisy check')} surely {verb} from {its} baseline"
    before = min(one.before for _, one in moved)
    which = "session" if before == 1 else f"{before} sessions"
    so_far = f"The {which} before found the same: accept with" if before else _IF_IT_STAYS
    same = {isinstance(one.code, SameCode) for _, one in moved}
    text = f"{lead} ({span}); {_NOT_TO_BLAME[frozenset(same)]}. {so_far}"
    items = [f"{check.case.id} {check.key.name}: {percent(one.apart)}" for check, one in moved]
    tests = {check.key.test for check, _ in moved}
    return [
        Notice(text, some(items) if len(moved) > 1 else (), accept_of(tests, session, told), short=f"{lead} ({span})")
    ]


def _disturbed(checks: Sequence[Check]) -> Notice:
    """What a disturbed machine left undecided: one thing to say of all of it."""
    tests = {check.key.test for check in checks}
    causes = [one.cause for check in checks for one in check.judgement.reasons if isinstance(one, Disturbed)]
    verb = "is" if len(checks) == 1 else "are"
    lead = f"{plural(len(checks), 'check')} of {plural(len(tests), 'test')} {verb} undecided"
    text = (
        f"{lead}, which does not count as ok: the machine was disturbed ({causes[0]}); run the same again when it is "
        "less busy; pytest-modelbench doctor says how busy it is"
    )
    return Notice(text, short=f"{lead}: the machine was disturbed")


def _not_gated(session: Session, told: Told) -> list[Notice]:
    found = []
    for folder, count in sorted(session.ungated.items() if not session.updating else ()):
        verb = "has" if count == 1 else "have"
        lead = f"NOT GATED: {plural(count, 'check')}"
        text = f"{lead} {verb} no baseline in {told.baselines}/{folder}: nothing there yet; accept with"
        others = [f"{one.folder}: {named(one.differences)}" for one in session.elsewhere.get(folder, ())]
        if others:
            text = (
                f"{lead} {verb} no baseline in {told.baselines}/{folder}: nothing there yet; there are baselines of "
                f"{plural(len(others), 'other environment')} (what differs, there -> here)"
            )
            others = [*some(others), "accept baselines for this environment with"]
        meant = {check.key.test for check in session.checks if check.folder == folder}
        found.append(Notice(text, tuple(others), accept_of(meant, session, told), short=f"{lead} ({folder})"))
    found += _new_here(session)
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
    if idle := [test for test in unmeasured if test.idle]:
        text = f"NOT GATED: {plural(len(idle), 'test')} measured nothing"
        items = [f"{test.test}  {' and '.join(map(_IDLE.__getitem__, test.idle))}" for test in idle]
        found.append(Notice(text, some(items), short=text))
    return found


def _new_here(session: Session) -> list[Notice]:
    """What the code that the session compares with does not measure."""
    new = [check for check in session.checks if session.against and check.judgement.verdict is Verdict.NEW]
    if not new:
        return []
    by_test: dict[str, list[str]] = {}
    for check in new:
        by_test.setdefault(check.key.test, []).append(check.key.name)
    lead = f"NOT GATED: {plural(len(new), 'check')} of {plural(len(by_test), 'test')}"
    items = [f"{test} ({', '.join(names)})" for test, names in by_test.items()]
    verb, them = ("is", "it") if len(new) == 1 else ("are", "them")
    text = f"{lead} {verb} new: {session.against} does not measure {them}"
    return [Notice(text, some(items), short=f"{lead} (new)")]


def _acceptance(session: Session, told: Told) -> list[Notice]:
    """How to accept what changed: gains, and changes that somebody wanted."""
    found = []
    trouble = {Standing.REGRESSED, Standing.INCOMPARABLE, Standing.MISSING}
    # What was renamed loses nothing: to accept it would leave the old entries behind, and the change unseen.
    left_out = {new for one in session.renamed for _, new in one.tests}
    troubled = {check.key.test for check in session.checks if standing(check, session) in trouble}
    for wanted, without, text in (
        # A test is accepted as a whole: not one for its gain that has lost something as well.
        ({Standing.IMPROVED}, troubled, "{} improved: accept, or nobody notices when the gain is lost again"),
        (trouble, set(), "if the change is intended, accept with"),
    ):
        checks = [
            check
            for check in session.checks
            if standing(check, session) in wanted and check.key.test not in without | left_out
        ]
        tests = [check.key.test for check in checks]
        # What regressed is told in full above.
        gains = [_gain(check) for check in checks if check.judgement.where and wanted == {Standing.IMPROVED}]
        if tests and told.accept_command:
            found.append(Notice(text.format(len(tests)), some(gains), accept_of(tests, session, told)))
        elif gains:
            found.append(Notice(f"{len(tests)} improved", some(gains)))
    return found


def _gain(check: Check) -> str:
    judgement = check.judgement
    ratio = "" if judgement.ratio is None else f" {percent(judgement.ratio)}"
    return f"{check.case.id} {check.key.name}{ratio}, {sentences(judgement.where)}"


def accept_of(tests: Iterable[str], session: Session, told: Told) -> str:
    """Command that accepts ``tests``, and none of the others that the session measured; empty if nothing is stored."""
    if not told.accept_command:
        return ""
    every = {check.key.test for check in session.checks} | {test.test for test in session.tests}
    return " ".join(filter(None, [told.accept_command, naming(tests, every, told.selection, told.here)]))


def some(items: list[str]) -> tuple[str, ...]:
    """The first few, and how many more there are."""
    if len(items) <= _MOST_ITEMS:
        return tuple(items)
    return (*items[:_MOST_ITEMS], f"and {len(items) - _MOST_ITEMS} more")


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
