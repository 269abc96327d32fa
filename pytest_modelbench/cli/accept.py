"""``accept``: make what was measured the new baseline."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_modelbench.cli.command import FINE, REFUSED, Command, Outcome
from pytest_modelbench.cli.folder import add_baselines, baselines_of
from pytest_modelbench.cli.output import terminal_width


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the results file, and where its values go."""
    add_baselines(parser)
    parser.add_argument("results", metavar="RESULTS", type=Path, help="file of --modelbench-json")


def run(arguments: argparse.Namespace) -> Outcome:
    """What was accepted and what was refused; the baselines are changed."""
    from pytest_modelbench.core.change import ChangeKind
    from pytest_modelbench.report.refusals import refusal_notices
    from pytest_modelbench.report.terminal import notice_lines, render_changes
    from pytest_modelbench.store.accepting import accept
    from pytest_modelbench.store.baselines import BaselineStore
    from pytest_modelbench.store.results import read_results

    session = read_results(arguments.results)
    done = accept(session, BaselineStore(baselines_of(arguments)))
    changed = [change for change in done.changes if change.kind is not ChangeKind.UNCHANGED]
    told = render_changes(changed, width=terminal_width(), colour=False, checks=session.checks) if changed else ""
    lines = [told] if told else []
    lines += [f"unchanged: {len(done.changes) - len(changed)}"] if len(changed) < len(done.changes) else []
    lines += [line for notice in refusal_notices(done.refused) for line in notice_lines(notice, colour=False)]
    nothing = not done.changes
    return "\n".join(lines or ["nothing to accept: nothing was measured"]), REFUSED if done.refused or nothing else FINE


COMMAND = Command("accept", "make what was measured the new baseline", declare, run)
