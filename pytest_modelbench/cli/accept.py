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
    from pytest_modelbench.report.terminal import render_changes
    from pytest_modelbench.store.acceptance import refusals
    from pytest_modelbench.store.baselines import BaselineStore
    from pytest_modelbench.store.results import read_results

    session = read_results(arguments.results)
    refused = refusals(session)
    if session.interrupted or session.environment is None:
        why = "the session was interrupted" if session.interrupted else "no process ever measured"
        return f"nothing accepted: {why}; run pytest --modelbench --update-baselines", REFUSED
    checks = [check for check in session.checks if check.key not in refused]
    changes = BaselineStore(baselines_of(arguments)).accept(checks, session.stamp, session.environment)
    changed = [change for change in changes if change.kind != "unchanged"]
    lines = [render_changes(changed, width=terminal_width(), colour=False)] if changed else []
    lines += [f"unchanged: {len(changes) - len(changed)}"] if len(changed) < len(changes) else []
    lines += [f"refused: {key}: {reason}" for key, reason in sorted(refused.items())]
    return "\n".join(lines) or "nothing to accept: nothing was measured", REFUSED if refused else FINE


COMMAND = Command("accept", "make what was measured the new baseline", declare, run)
