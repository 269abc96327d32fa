"""``accept``: make what was measured the new baseline."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modelbench.cli.command import FINE, REFUSED, Command, Outcome
from pytest_modelbench.cli.folder import AGAINST, add_baselines, baselines_of, hints_here
from pytest_modelbench.cli.output import terminal_width
from pytest_modelbench.core.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from pytest_modelbench.core.session import Session


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the results file, and where its values go."""
    add_baselines(parser)
    parser.add_argument(
        "--even-if-disturbed",
        action="store_true",
        help="accept also what was measured while the machine was disturbed; it is marked, and gets a wider band",
    )
    parser.add_argument("results", metavar="RESULTS", type=Path, help="results file, as --modelbench-json writes it")
    parser.add_argument("--test", metavar="ID", action="append", help="accept only what this test measured; repeatable")


def run(arguments: argparse.Namespace) -> Outcome:
    """What was accepted and what was refused; the baselines are changed."""
    from pytest_modelbench.core.change import ChangeKind
    from pytest_modelbench.report.notices import accept_of
    from pytest_modelbench.report.refusals import refusal_notices
    from pytest_modelbench.report.summary import Told
    from pytest_modelbench.report.terminal import notice_lines, render_changes
    from pytest_modelbench.store.accepting import accept
    from pytest_modelbench.store.attributes import written_note
    from pytest_modelbench.store.baselines import BaselineStore
    from pytest_modelbench.store.results import read_results

    store, even = BaselineStore(baselines_of(arguments)), arguments.even_if_disturbed
    session = _only(read_results(arguments.results), arguments.test)

    def accept_command(tests: Iterable[str]) -> str:
        # What was measured beside other code is accepted all the same.
        options = {flag: value for flag, value in session.asked.options.items() if flag not in AGAINST}
        hints = hints_here(arguments, replace(session.asked, options=options), str(store.folder))
        return accept_of(tests, session, Told(hints.accept, hints.baselines, hints.selection, here=hints.here))

    done = accept(session, store, even_if_disturbed=even)
    changed = [change for change in done.changes if change.kind is not ChangeKind.UNCHANGED]
    told = render_changes(changed, width=terminal_width(), colour=False, checks=session.checks) if changed else ""
    lines = [told] if told else []
    lines += [f"unchanged: {len(done.changes) - len(changed)}"] if len(changed) < len(done.changes) else []
    lines += [written_note(str(store.attributes))] if store.attributes else []
    refused = refusal_notices(done.refused, accept_command, "" if even else "--even-if-disturbed")
    lines += [line for notice in refused for line in notice_lines(notice, colour=False)]
    nothing = not done.changes
    return "\n".join(lines or ["nothing to accept: nothing was measured"]), REFUSED if done.refused or nothing else FINE


def _only(session: Session, tests: list[str] | None) -> Session:
    """``session`` with the checks of ``tests`` alone, if any are named; UsageError for one that it has not measured."""
    if tests is None:
        return session
    measured = {check.key.test for check in session.checks}
    for test in tests:
        if test not in measured:
            raise UsageError(f"the session measured nothing of {test}.{did_you_mean(test, measured)}")
    return replace(session, checks=tuple(check for check in session.checks if check.key.test in tests))


COMMAND = Command("accept", "make the values of a results file the new baselines", declare, run)
